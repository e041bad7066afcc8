"""A shard of a run over hosts below a folder, as a process of its own; their state is made by the node's own code.

    python -m tests.unit.shard_worker STORE INDEX HOSTS [DIES_AT]

With DIES_AT its first process is killed after it has done so many things to hosts, before it has said the last one.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from province.rollout.conduct import Seen, Told
from province.rollout.entries import Back, Result, Wish
from province.shards.aggregate import fail
from province.shards.conduct import Patience, run_shard
from province.shards.journal import StoreJournal
from province.shards.store import Store
from tests.unit.node_in_folder import HostInFolder, a_file, a_part, node_module, run

FILE = "/etc/wanted"
OLD, NEW = "old\n", "new\n"


class FolderHands:
    """Hosts below a folder. `away` in a host's folder: out of reach; a folder for its file: it cannot change."""

    def __init__(self, hosts: Path, dies: Callable[[], None] = lambda: None) -> None:
        self._hosts = hosts
        self._dies = dies

    def now(self) -> datetime:
        return datetime.now(UTC)

    def asked(self) -> tuple[Wish, str] | None:
        return None

    def soak(self, seconds: int) -> bool:
        time.sleep(seconds)
        return True

    def apply(self, _: int, hosts: Sequence[str], told: Told) -> None:
        for name in hosts:
            told(name, *self._apply(name))

    def verify(self, _: int, hosts: Sequence[str]) -> dict[str, Seen]:
        seen = {}
        for name in hosts:
            good = (self._hosts / name / FILE[1:]).read_text(encoding="utf-8") == NEW
            spoilt = (self._hosts / name / "spoilt").exists()
            seen[name] = Seen(Result.OK) if good and not spoilt else Seen(Result.FAILED, "not as declared")
            self._dies()
        return seen

    def put_back(self, hosts: Sequence[str], told: Callable[[str, Back, str], None]) -> None:
        for name in hosts:
            host = HostInFolder(self._hosts / name)
            changed = bool(run(host, a_part(files={FILE: a_file(OLD)})).changes)
            self._dies()
            told(name, Back.BACK, "" if changed else "it has gone back already")

    def _apply(self, name: str) -> tuple[Result, str]:
        if (self._hosts / name / "away").exists():
            return Result.UNREACHABLE, "No route to host"
        try:
            changes = run(HostInFolder(self._hosts / name), a_part(files={FILE: a_file(NEW)})).changes
        except node_module.Trouble:
            return Result.FAILED, "it cannot be written"
        self._dies()
        return (Result.CHANGED, changes[0]) if changes else (Result.OK, "")


def prepared(hosts: Path, names: Sequence[str]) -> None:
    """Every host in the old state."""
    for name in names:
        run(HostInFolder(hosts / name), a_part(files={FILE: a_file(OLD)}))


def main(where: str, index: str, hosts: str, dies_at: str = "0") -> None:
    """Do the shard's part."""
    mark = Path(hosts, f"died-{index}")
    left = [int(dies_at)]

    def dies() -> None:
        left[0] -= 1
        if left[0] == 0 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    store = Store.at(where)
    journal = StoreJournal(store)
    mine = {host for host, shard in journal.of.items() if shard == int(index)}
    try:
        run_shard(journal, FolderHands(Path(hosts), dies), mine, Patience(0))
    except OSError as error:
        fail(store, int(index), str(error))
        raise


if __name__ == "__main__":
    main(*sys.argv[1:])
