"""Bundles that nodes pull when no controller is there: made, signed, published at both sites, and taken back.

A bundle is the controller's own request for one node, with what the node may lack, in a signed envelope. It is made for
a state that was or could be applied from here at that moment, so the model is loaded and rendered as for every run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from province.errors import ExitCode, ProvinceError
from province.fleet.calendar import held
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.pull import Span, open_spans
from province.manifest.build import Builder
from province.manifest.copies import stores
from province.manifest.manifest import Manifest
from province.ops.node_wire import code_digest, packed_for
from province.ops.question import Ask, answers
from province.rollout.batches import batches_of
from province.verify.signature import Signer

FORMAT = 1
NAMESPACE = "province-pull"
"""What the signature is for (ssh-keygen(1), -n); nodes know the same (`province_node/bundles.py`)."""
KEEPER = ("python3", "-I", "/usr/local/lib/province/bundles")
LOOK = ("cat", "/var/lib/province/pulled.json")


@dataclass(frozen=True)
class Order:
    """What a bundle is made of: the node's state, when it was made, until when it is good, and when it may be applied.

    Times are in seconds since 1970; `made` is the bundle's number, too.
    """

    host: str
    manifest: Mapping[str, object]
    digest: str
    made: int
    valid_until: int
    times: tuple[Span, ...]
    reason: str


def bundle(order: Order, signer: Signer) -> str:
    """A bundle as a node reads it. The same order gives the same text; the signature is over that text."""
    text = json.dumps(
        {
            "format": FORMAT,
            "host": order.host,
            "made": order.made,
            "valid_until": order.valid_until,
            "times": [list(span) for span in order.times],
            "digest": order.digest,
            "request": {"code": code_digest(), "reason": order.reason, **packed_for(order.manifest)},
        },
        ensure_ascii=False,
        sort_keys=True,
    )
    return json.dumps({"bundle": text, "signature": signer.sign(text.encode(), NAMESPACE)}, ensure_ascii=False)


def plan(fleet: Fleet, nodes: Iterable[Host], now: datetime) -> Iterator[tuple[str, tuple[Span, ...]]]:
    """When each of these nodes may apply what is published now, batch by batch, outside of freezes and in windows.

    Raises ProvinceError for a host that is no node of a commune, and for a batch that the calendar leaves no time.
    """
    chosen = list(nodes)
    if others := [one.name for one in chosen if not one.commune]:
        raise ProvinceError(
            f"{' '.join(others)}: only nodes of communes pull; a host of a site is beside the controller",
            exit_code=ExitCode.USAGE,
        )
    rules, made = fleet.province.pull, int(now.timestamp())

    @cache
    def shut(at: datetime) -> bool:
        """Nodes share their windows, so one stands for all of them, and every minute is looked up once."""
        return bool(held(fleet, chosen[:1], at))

    for place, batch in enumerate(batches_of(fleet, chosen)):
        times = open_spans(shut, rules.begins(place, made), rules.ends(made))
        if not times:
            raise ProvinceError(
                f"the batch {batch.stage} has no open time before the bundles are over",
                hint="see `province calendar`; the rules are `pull` in inventories/fleet/province.yml",
            )
        yield from ((name, times) for name in batch.hosts)


def bundles(
    builder: Builder, times: Iterable[tuple[str, tuple[Span, ...]]], signer: Signer, now: datetime, reason: str
) -> Iterator[tuple[str, str]]:
    """The signed bundle of each node. Raises ProvinceError for a node that waits for something, or has a secret."""
    made = int(now.timestamp())
    for name, spans in times:
        manifest = builder.build(builder.fleet.hosts[name])
        _refuse(manifest)
        until = builder.fleet.province.pull.ends(made)
        yield name, bundle(Order(name, manifest.desired(), manifest.digest, made, until, spans, reason), signer)


def publish(fleet: Fleet, ask: Ask, made: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Bring bundles to every site; of each site, why it did not take those that it did not take.

    A site that is out of reach is one whole complaint (under the empty name); the other is served nevertheless.
    """
    for site, store in stores(tuple(fleet.hosts.values())).items():
        try:
            told = json.loads(ask(store.name, (*KEEPER, "put"), json.dumps(made, ensure_ascii=False)))
        except (ConnectionError, ProvinceError) as error:
            yield site, {"": str(error)}
            continue
        yield site, {name: why for name, why in told.items() if why}


def withdraw(fleet: Fleet, ask: Ask, nodes: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Take the bundles of nodes back at every site; of each site, which it had."""
    for site, store in stores(tuple(fleet.hosts.values())).items():
        try:
            yield site, json.loads(ask(store.name, (*KEEPER, "drop", *nodes), ""))
        except (ConnectionError, ProvinceError) as error:
            yield site, {"": str(error)}


def published(fleet: Fleet, ask: Ask) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of each site, the number and end of every node's bundle."""
    for site, store in stores(tuple(fleet.hosts.values())).items():
        try:
            yield site, json.loads(ask(store.name, (*KEEPER, "list"), ""))
        except (ConnectionError, ProvinceError) as error:
            yield site, {"": str(error)}


def pulled(ask: Ask, nodes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Of each node, what became of its last try."""
    return answers(ask, nodes, LOOK)


def shown(moment: float) -> str:
    """A time as people read it, in UTC as on the nodes."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M}"


def _refuse(manifest: Manifest) -> None:
    if manifest.waiting:
        raise ProvinceError(
            f"{manifest.host}: {'; '.join(manifest.waits)}: a bundle now would lack it",
            hint="ansible-playbook ansible/playbooks/enrol.yml",
        )
    if secret := [path for path, file in manifest.files.items() if file.secret]:
        raise ProvinceError(
            f"{manifest.host}: {', '.join(secret)} is secret, and a bundle lies readable at two sites",
            hint="let the node make it (`keys` in the role's manifest.yml), or bring it by a run of the controller",
        )
