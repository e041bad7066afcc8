"""The steps of a move of a folder, there and back; each changes nothing where it was done already."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from province.errors import ProvinceError
from province.fleet.migration import Phase
from province.migration.files.folder import Folder, differing, pull
from province.migration.files.note import Note, NoteBeside

PASSES = 3
"""Passes before the freeze: each one finds less, because it takes less time."""


@dataclass(frozen=True)
class FilesWay:
    """The old folder and the new one, which nobody but root enters before the cut-over."""

    source: Folder
    target: Folder
    drain_seconds: float = 60

    def noted(self) -> Note | None:
        """The note beside the new folder; None where nothing was provisioned."""
        return NoteBeside(self.target).read()

    def write(self, note: Note) -> None:
        """Put a note in place of the one before, at once."""
        NoteBeside(self.target).write(note)

    def obstacles(self) -> tuple[str, ...]:
        """Why writes could not be refused on the old side."""
        return () if self.source.is_mount() else (f"{self.source.place} is no mount of its own",)

    def provision(self) -> None:
        """Make the new folder."""
        if self.noted() is None:
            self.target.run("install", "-d", "-m", "700", self.target.path)
            mode = self.source.run("stat", "-c", "%a", self.source.path).strip()
            self.write(Note(phase=Phase.PROVISIONED, mode=mode))

    def replicate(self) -> None:
        """Copy until little is left. What an earlier try left there is compared by content, not by time."""
        self._refuse_after_cut_over()
        for number in range(PASSES):
            pull(self.source, self.target, *(["--checksum"] if number == 0 else []))
            self.target.run("chmod", "700", self.target.path)
            if self.lag() == 0:
                break
        self._note(Phase.REPLICATING)

    def lag(self) -> int:
        """Bytes of files that one more pass would copy."""
        said = pull(self.source, self.target, "--dry-run")
        found = re.search(r"Total transferred file size: ([\d,.]+)", said)
        if found is None:
            raise ProvinceError(f"{self.target.place}: rsync said no size: {said[:200]}")
        return int(re.sub(r"\D", "", found[1]))

    def freeze(self) -> None:
        """Refuse writes on the old side, then the last pass."""
        self._refuse_after_cut_over()
        self.source.shut(self.drain_seconds)
        pull(self.source, self.target)
        self.target.run("chmod", "700", self.target.path)
        self._note(Phase.FROZEN)

    def frozen(self) -> bool:
        """Whether the old side refuses writes, and the last pass is over."""
        note = self.noted()
        return note is not None and note.phase is Phase.FROZEN and self.source.refuses()

    def cut_over(self) -> None:
        """Let users in on the new side."""
        note = self.noted()
        if note and note.phase in {Phase.CUT_OVER, Phase.SOAKING}:
            return
        if note is None or not self.frozen():
            raise ProvinceError("the new side does not hold what the old one does", hint="freeze it first")
        # The note first: killed in between, users wait, and nobody takes the new side for unused.
        self.write(Note(phase=Phase.CUT_OVER, cut_over=datetime.now(UTC), mode=note.mode))
        self.target.run("chmod", note.mode, self.target.path)

    def roll_back(self) -> None:
        """The old side takes writes again, and has all that the new side took."""
        note = self.noted()
        if note and note.phase in {Phase.CUT_OVER, Phase.SOAKING}:
            self.target.run("chmod", "700", self.target.path)
            self.source.open_()
            # Nobody may write there before it has everything.
            self.source.run("chmod", "700", self.source.path)
            pull(self.target, self.source, "--checksum")
            self.source.run("chmod", "700", self.source.path)
            if wrong := differing(self.target.manifest(), self.source.manifest()):
                raise ProvinceError(
                    f"{self.source.place}: not the same after the way back: {', '.join(wrong[:10])}",
                    hint="a program still writes on the new side; stop it, then roll back again",
                )
            self.source.run("chmod", note.mode, self.source.path)
        self.source.open_()
        if note:
            self.write(Note(phase=Phase.ROLLED_BACK, mode=note.mode))

    def wipe(self) -> None:
        """Remove everything in the old folder."""
        self.source.open_()
        self.source.run("find", self.source.path, "-mindepth", "1", "-delete")

    def _note(self, phase: Phase) -> None:
        note = self.noted()
        if note is None:
            raise ProvinceError(f"{self.target.place} is not provisioned", hint="provision it first")
        self.write(note.model_copy(update={"phase": phase}))

    def _refuse_after_cut_over(self) -> None:
        note = self.noted()
        if note and note.phase in {Phase.CUT_OVER, Phase.SOAKING, Phase.RETIRED}:
            raise ProvinceError("users write on the new side", hint="nothing was changed; roll the wave back first")
