"""The steps of a move by dump and restore: for small databases, and such as no replication can carry.

Nothing is copied before the freeze, so it lasts as long as the dump and the restore; and no stream flows back, so the
way back ends with the first write on the new side.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from province.errors import ProvinceError
from province.fleet.migration import Phase
from province.migration.postgresql import fence, mark
from province.migration.postgresql.compare import different, uncompared
from province.migration.postgresql.copy import copy_schema, dump, empty, restore
from province.migration.postgresql.rehearsal import Course, rehearse
from province.migration.postgresql.server import Server

_OVER = frozenset({Phase.CUT_OVER, Phase.SOAKING})


@dataclass(frozen=True)
class ByDump:
    """The old database and the new one; the dump lies in `place` meanwhile, None for where the system says."""

    source: Server
    target: Server
    place: Path | None = None

    @property
    def notes(self) -> Server:
        """The new side carries the note."""
        return self.target

    def between(self, source: Server, target: Server) -> ByDump:
        """The same way between two other databases."""
        return replace(self, source=source, target=target)

    def obstacles(self) -> tuple[str, ...]:
        """What a dump carries but nobody could compare afterwards."""
        return uncompared(self.source)

    def provision(self) -> None:
        """Make the tables, which refuse writes."""
        copy_schema(self.source, self.target)

    def replicate(self) -> None:
        """Note that it may go on: there is nothing to copy yet."""
        if not self.follows():
            mark.write(self.target, mark.Mark(Phase.REPLICATING))

    def follows(self) -> bool:
        """Whether that was noted."""
        return self._noted() in {Phase.REPLICATING, Phase.REHEARSED, Phase.FROZEN}

    def lag(self) -> int | None:
        """0 once everything was restored; nobody can tell before."""
        return 0 if self.frozen() else None

    def freeze(self) -> None:
        """Refuse writes on the old side, dump it, and fill the new side anew; killed in between, all of that again."""
        if self._noted() in _OVER:
            raise ProvinceError("the new side takes writes", hint="nothing was changed")
        fence.shut(self.source)
        if self.frozen():
            return
        with tempfile.TemporaryDirectory(dir=self.place) as folder:
            file = Path(folder, "dump")
            dump(self.source, file, self.target, kept=False)
            empty(self.target)
            restore(self.target, file, fenced=True)
        mark.write(self.target, mark.Mark(Phase.FROZEN))

    def frozen(self) -> bool:
        """Whether the old side refuses writes, and the new one has what it held since."""
        return fence.refuses(self.source) and self._noted() is Phase.FROZEN

    def cut_over(self) -> None:
        """Let writes in on the new side."""
        if self._noted() in _OVER:
            return
        if not self.frozen():
            raise ProvinceError("the new side does not hold what the old one does", hint="freeze it first")
        fence.open_(self.target, mark.CUT_OVER_NOW)

    def flows_back(self) -> None:
        """Nothing flows back."""

    def roll_back(self) -> None:
        """The old side takes writes again; refused when the new side took one, and then it goes on to take them."""
        if self._noted() in _OVER:
            fence.shut(self.target)
            if wrong := different(self.source, self.target)[0]:
                fence.open_(self.target)
                raise ProvinceError(
                    f"the new side took writes since the cut-over, and none flow back: {', '.join(wrong)}",
                    hint="carry them over by hand first, or mend what is wrong there; the new side goes on",
                )
        # First the note: killed in between, nobody compares what the old side took since.
        mark.write(self.target, mark.Mark(Phase.ROLLED_BACK))
        fence.open_(self.source)

    def rehearse(self, file: Path) -> Course:
        """Carry the move out on databases beside these two."""
        return rehearse(self, file)

    def let_go(self) -> None:
        """Nothing holds the old side."""

    def _noted(self) -> Phase | None:
        noted = mark.read(self.target)
        return noted.phase if noted else None
