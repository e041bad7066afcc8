"""Hands for a service that is made anew from code and holds no data: the old one stops, the new one answers.

What it logged is its archive. The new one is made by `pulumi up`; here it is only asked whether it answers.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime

from province.errors import ProvinceError
from province.fleet.migration import Move, Phase
from province.fleet.old_sides import OldService
from province.migration.desk import Desk
from province.migration.files.folder import Folder
from province.migration.files.hands import FilesHands
from province.migration.files.note import Note, NoteBeside
from province.migration.files.way import FilesWay
from province.migration.gates import Measured
from province.migration.proofs import Backup, Rehearsal

ASKED_TIMES = 20
PATIENCE_S = 5


@dataclass(frozen=True)
class RebuildHands:
    """Stops and starts an old service by its host's own commands, and asks the new one; the note lies on that host."""

    service: OldService
    desk: Desk

    @property
    def logs(self) -> Folder:
        """What the old service leaves."""
        return Folder(self.service.logs)

    def phase(self, _move: Move) -> Phase:
        """Where a move stands, asked of the old host."""
        note = self._noted()
        if note is None:
            return Phase.DECLARED
        runs = self._runs()
        if note.phase is Phase.FROZEN and runs:
            return Phase.REPLICATING
        if note.phase is Phase.ROLLED_BACK and not runs:
            return Phase.FROZEN
        return note.phase

    def measure(self, move: Move, wanted: Phase, /) -> Measured:
        """What the old host, the new service and the book of proofs say."""
        seen, note = self.desk.proved(move), self._noted()
        silent = (() if (why := self.silent()) is None else (why,)) if wanted in _ASKS else ()
        match wanted:
            case Phase.REPLICATING:
                return seen.model_copy(update={"obstacles": silent})
            case Phase.FROZEN:
                return seen.model_copy(update={"clock_offset_ms": 0.0})
            case Phase.CUT_OVER:
                return seen.model_copy(update={"source_refuses_writes": not self._runs()})
            case Phase.SOAKING:
                runs = ("the old service runs",) if self._runs() else ()
                return seen.model_copy(update={"probes_failed": (*silent, *runs)})
            case Phase.RETIRED:
                return seen.model_copy(update={"cut_over": note.cut_over if note else None})
            case _:
                return seen

    def act(self, move: Move, wanted: Phase) -> None:
        """Bring a move to a phase."""
        note = self._noted() or Note(phase=wanted)
        match wanted:
            case Phase.FROZEN:
                self._do(self.service.stop)
            case Phase.CUT_OVER:
                if (why := self.silent()) is not None:
                    raise ProvinceError(why, hint=f"province migrate rollback {self.desk.wave}")
                note = note.model_copy(update={"cut_over": datetime.now(UTC)})
            case Phase.RETIRED:
                self._wiped(move)
            case Phase.ROLLED_BACK:
                self._do(self.service.start)
            case _:
                pass
        self._write(note.model_copy(update={"phase": wanted}))

    def written_since_cut_over(self, _move: Move, /) -> int | None:
        """It holds nothing that could be written."""
        return 0

    def strayed(self, _move: Move, /) -> int | None:
        """It holds nothing that could stray."""
        return None

    def rehearse(self, move: Move) -> Rehearsal:
        """Ask the new service some times, as users will; nobody is stopped."""
        began = time.monotonic()
        wrong = [why for _ in range(ASKED_TIMES) if (why := self.silent()) is not None]
        proof = Rehearsal(
            time=self.desk.now(),
            wave=self.desk.wave,
            move=move.id,
            who=self.desk.who,
            items=ASKED_TIMES,
            bytes=0,
            copy_seconds=0,
            read_only_seconds=round(time.monotonic() - began, 2),
            back_seconds=0,
            schema_same=True,
            compared=ASKED_TIMES,
            different=tuple(dict.fromkeys(wrong)),
        )
        self.desk.book.add(proof)
        return proof

    def backup(self, move: Move) -> Backup:
        """Keep what the old service logged, and read it again."""
        return FilesHands(FilesWay(self.logs, self.logs), self.desk).backup(move)

    def silent(self) -> str | None:
        """Why the new service does not answer; None when it does."""
        try:
            with urllib.request.urlopen(self.service.answers, timeout=PATIENCE_S) as answer:  # noqa: S310 - by the fact
                return None if answer.status == 200 else f"{self.service.answers} answers {answer.status}"
        except (OSError, urllib.error.URLError) as error:
            return f"{self.service.answers}: {error}"

    def _wiped(self, move: Move) -> None:
        kept = self.desk.book.newest(Backup, move.id)
        if kept is None or kept.different:
            raise ProvinceError(f"{move.id}: no log is kept", hint=f"province migrate backup {self.desk.wave}")
        self.desk.wiped(move, f"the service of {move.host} stays stopped", kept)

    def _runs(self) -> bool:
        return self._shell(f"if {self.service.runs} >/dev/null 2>&1; then echo yes; fi") != ""

    def _do(self, command: str) -> None:
        self._shell(command)

    def _shell(self, script: str) -> str:
        return self.logs.run("sh", "-c", script)

    def _noted(self) -> Note | None:
        return NoteBeside(self.logs).read()

    def _write(self, note: Note) -> None:
        NoteBeside(self.logs).write(note)


_ASKS = frozenset({Phase.REPLICATING, Phase.SOAKING})
"""Phases before which the new service is asked."""
