"""What hands do alike for moves whose note is kept beside the data, and whose new writes are carried back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from province.errors import ProvinceError
from province.fleet.fact import Fact
from province.fleet.migration import Move, Phase
from province.migration.desk import Desk
from province.migration.gates import Measured


class Way(Protocol):
    """The two sides of a move, and its steps."""

    def noted(self) -> Any:
        """The note, a `Fact` with a phase; None before anything was provisioned."""

    def write(self, note: Any, /) -> None:
        """Put a note in place of the one before."""

    def obstacles(self) -> tuple[str, ...]:
        """What cannot be carried over."""

    def provision(self) -> None:
        """Make the new side's room."""

    def replicate(self) -> None:
        """Copy what is there, and go on."""

    def freeze(self) -> None:
        """Have the old side refuse writes, and copy the rest."""

    def cut_over(self) -> None:
        """Have the new side take writes."""

    def roll_back(self) -> None:
        """Carry what the new side took to the old one, and have that take writes."""

    def wipe(self) -> None:
        """Take the old side's data away."""


WayT = TypeVar("WayT", bound=Way)


@dataclass(frozen=True)
class NotedHands(ABC, Generic[WayT]):
    """Acts on both sides of a move by its way."""

    way: WayT
    desk: Desk

    @abstractmethod
    def wiped(self, move: Move) -> str:
        """What is taken away at the end, in words."""

    @abstractmethod
    def failed(self) -> tuple[str, ...]:
        """What users of the new side would miss; and an old side that takes writes again."""

    @abstractmethod
    def compared(self, seen: Measured, wanted: Phase) -> Measured:
        """What the proofs say, with what both sides say now: before the rehearsal, the freeze and the cut-over."""

    def measure(self, move: Move, wanted: Phase, /) -> Measured:
        """What both sides and the book of proofs say."""
        seen = self.desk.proved(move)
        match wanted:
            case Phase.REPLICATING:
                return seen.model_copy(update={"obstacles": self.way.obstacles()})
            case Phase.REHEARSED | Phase.FROZEN | Phase.CUT_OVER:
                return self.compared(seen, wanted)
            case Phase.SOAKING:
                return seen.model_copy(update={"probes_failed": self.failed()})
            case Phase.RETIRED:
                note = self.way.noted()
                return seen.model_copy(update={"cut_over": note.cut_over if note else None})
            case _:
                return seen

    def act(self, move: Move, wanted: Phase) -> None:
        """Bring a move to a phase."""
        way = self.way
        match wanted:
            case Phase.PROVISIONED:
                way.provision()
            case Phase.REPLICATING:
                way.replicate()
            case Phase.REHEARSED | Phase.SOAKING:
                self._note(move, wanted)
            case Phase.FROZEN:
                way.freeze()
            case Phase.CUT_OVER:
                way.cut_over()
            case Phase.RETIRED:
                self._retire(move)
            case Phase.ROLLED_BACK:
                way.roll_back()
            case _:
                raise ProvinceError(f"{move.id}: nobody carries out {wanted}", hint="nothing was changed")

    def written_since_cut_over(self, _move: Move, /) -> int | None:
        """Nobody counts: what the new side took is copied back."""
        return None

    def strayed(self, _move: Move, /) -> int | None:
        """Nobody can tell: what the new side takes reaches the old one on the way back only."""
        return None

    def _retire(self, move: Move) -> None:
        archive = self.desk.kept(move)
        note = self._noted(move)
        self.way.wipe()
        self.desk.wiped(move, self.wiped(move), archive)
        self.way.write(note.model_copy(update={"phase": Phase.RETIRED}))

    def _note(self, move: Move, phase: Phase) -> None:
        self.way.write(self._noted(move).model_copy(update={"phase": phase}))

    def _noted(self, move: Move) -> Fact:
        note: Fact | None = self.way.noted()
        if note is None:
            raise ProvinceError(f"{move.id}: nothing was provisioned", hint=f"province migrate status {self.desk.wave}")
        return note
