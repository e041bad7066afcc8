"""The note about a move of what has no place for one of its own: a file beside it, on the same host."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.fact import Fact
from province.fleet.migration import Phase
from province.migration.files.folder import Folder


class Note(Fact):
    """What both folders cannot be asked: the phase, when it was cut over, and the mode that users see."""

    phase: Phase
    cut_over: datetime | None = None
    mode: str = "755"


@dataclass(frozen=True)
class NoteBeside:
    """A note beside a folder, never within."""

    folder: Folder

    def read(self) -> Note | None:
        """The note; None where there is none."""
        file = str(self.folder.note())
        said = self.folder.run("sh", "-c", 'if [ -e "$1" ]; then cat "$1"; fi', "sh", file)
        if not said:
            return None
        try:
            return Note.model_validate_json(said)
        except ValidationError as error:
            raise ProvinceError(
                f"{file}: {error.errors()[0]['msg']}",
                hint="somebody changed it: write the phase that the journal names last",
                exit_code=ExitCode.BAD_DATA,
            ) from None

    def write(self, note: Note) -> None:
        """Put a note in place of the one before, at once."""
        script = 'printf %s "$2" >"$1.new" && sync "$1.new" && mv "$1.new" "$1"'
        self.folder.run("sh", "-ec", script, "sh", str(self.folder.note()), note.model_dump_json())
