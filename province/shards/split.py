"""Which shard has which host: a function of the run alone, so every process finds the same without asking anybody."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from province.rollout.entries import PlannedBatch


def shards_of(batches: Iterable[PlannedBatch], of: int) -> dict[str, int]:
    """Host → its shard, from 0 to `of` - 1.

    Every batch is dealt out in an order that has nothing to do with names or geography, and dealing goes on where the
    batch before it ended: each batch and the whole run differ by at most one host from shard to shard.
    """
    found: dict[str, int] = {}
    for batch in batches:
        for host in sorted(batch.hosts, key=_shuffled):
            found[host] = len(found) % of
    return found


def _shuffled(host: str) -> str:
    return sha256(host.encode()).hexdigest()
