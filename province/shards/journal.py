"""A run's journal as objects of a store: every fact has one name, so it is a fact once, whoever says it how often."""

from __future__ import annotations

from pydantic import ValidationError

from province.errors import ExitCode, ProvinceError
from province.rollout.entries import (
    LINE,
    AnyEntry,
    Applied,
    Asked,
    BatchBegun,
    BatchEnded,
    Begun,
    Ended,
    Entry,
    Returned,
    Soaked,
    Verified,
)
from province.rollout.state import Run, fold
from province.shards.split import shards_of
from province.shards.store import Store

BEGUN = "run.json"
"""The first line. Its name is there last of all when a run is begun: without it there is no run."""
SHARDS = "shards.txt"
"""How many shards there are."""
FACTS = "facts/"
ENDED = f"{FACTS}ended.json"
_STEPS: dict[type[Entry], str] = {
    BatchBegun: "1-begun",
    Applied: "2-applied",
    Soaked: "3-soaked",
    Verified: "4-verified",
    Returned: "5-returned",
    BatchEnded: "6-ended",
}


def name_of(entry: AnyEntry) -> str:
    """The name of a fact; sorted by name, facts are in an order in which they can be folded.

    Raises ValueError for what a sharded run does not know: it is neither paused nor resumed, its shards just start.
    """
    match entry:
        case Begun():
            return BEGUN
        case Asked(wish="abort"):
            return f"{FACTS}asked.json"
        case Ended():
            return ENDED
        case Applied() | Verified() | Returned():
            return f"{FACTS}batch-{entry.batch:04}/{_STEPS[type(entry)]}/{entry.host}.json"
        case BatchBegun() | Soaked() | BatchEnded():
            return f"{FACTS}batch-{entry.batch:04}/{_STEPS[type(entry)]}.json"
        case _:
            raise ValueError(f"a sharded run has no {entry.kind}")


class StoreJournal:
    """The facts of all shards. What was read once is never read again, because it cannot change."""

    def __init__(self, store: Store) -> None:
        self.store = store
        try:
            first = store.get(BEGUN)
        except KeyError:
            raise ProvinceError(
                f"{store.shown}: no run was begun there",
                hint="province shard begin --store " + store.shown,
                exit_code=ExitCode.NOTHING_SELECTED,
            ) from None
        self._first = self._read(BEGUN, first)
        self._facts: dict[str, AnyEntry] = {}
        self._run = fold([self._first])

    @classmethod
    def begin(cls, store: Store, begun: Begun, of: int) -> StoreJournal:
        """A new run of so many shards.

        Raises ProvinceError when the store has one: its facts would be taken for those of this one.
        """
        if store.names() or not store.put(SHARDS, str(of).encode()) or not store.put(BEGUN, _text(begun)):
            raise ProvinceError(
                f"{store.shown}: is not empty; take a new place for every run", exit_code=ExitCode.USAGE
            )
        return cls(store)

    @property
    def of(self) -> dict[str, int]:
        """Host → its shard."""
        return shards_of(self._run.begun.batches, self.count)

    @property
    def count(self) -> int:
        """How many shards there are."""
        return int(self.store.get(SHARDS))

    @property
    def run(self) -> Run:
        """The run, as it was when the store was last looked at."""
        return self._run

    def look(self) -> bool:
        """Look at the store; whether it says anything new."""
        new = [name for name in self.store.names() if name.startswith(FACTS) and name not in self._facts]
        self._facts |= {name: self._read(name, self.store.get(name)) for name in new}
        if new:
            self._run = fold([self._first, *(self._facts[name] for name in sorted(self._facts))])
        return bool(new)

    def add(self, entry: AnyEntry) -> None:
        """Say a fact, unless it is said already; then that one counts."""
        self.store.put(name_of(entry), _text(entry))
        self.look()

    def _read(self, name: str, content: bytes) -> AnyEntry:
        try:
            return LINE.validate_json(content)
        except ValidationError:
            raise ProvinceError(
                f"{self.store.shown}: {name} is no line of a journal; somebody else writes there",
                exit_code=ExitCode.BAD_DATA,
            ) from None


def _text(entry: AnyEntry) -> bytes:
    return entry.model_dump_json().encode()
