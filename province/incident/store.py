"""Where incidents are kept: one file for each, exercises in a folder of their own, one writer at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.fleet.calendar import LOCAL
from province.fleet.findings import nearest
from province.incident.entry import EXERCISE, INCIDENT, Closed, Later, Opened
from province.incident.incident import Incident, incident_of
from province.incident.timeline import MEND, append, read
from province.lab.state import locked


@dataclass(frozen=True)
class Found:
    """What a folder holds, oldest first, and the files that could not be read, each with what is wrong there."""

    incidents: tuple[Incident, ...]
    problems: tuple[ProvinceError, ...]


@dataclass(frozen=True)
class Store:
    """The incidents below a folder; `exercises` chooses which of the two kinds."""

    root: Path
    exercises: bool = False

    @classmethod
    def holding(cls, root: Path, id_: str) -> Store:
        """The store in which an id belongs."""
        return cls(root, id_.startswith(EXERCISE))

    @property
    def kind(self) -> str:
        """What the ids begin with."""
        return EXERCISE if self.exercises else INCIDENT

    @property
    def folder(self) -> Path:
        """Incidents and exercises share nothing, not even a folder."""
        return self.root / f"{self.kind}s"

    def path(self, id_: str) -> Path:
        """Where an incident's file lies, whether or not it is there."""
        return self.folder / f"{id_}.jsonl"

    def all(self) -> Found:
        """Every incident. A file that cannot be read hides no other; a number that is missing is a problem, too."""
        incidents, problems = [], []
        for path in sorted(self.folder.glob("*.jsonl")):
            try:
                if one := incident_of(path, read(path)):
                    incidents.append(one)
            except ProvinceError as error:
                problems.append(error)
        return Found(tuple(incidents), (*problems, *self._gaps()))

    def get(self, id_: str) -> Incident:
        """One incident; ProvinceError for an id that is none, or a file that was changed."""
        found = incident_of(self.path(id_), read(self.path(id_))) if self._is_name(id_) else None
        if found is None:
            guess = nearest(id_, (path.stem for path in self.folder.glob("*.jsonl")))
            hint = f'did you mean "{guess}"?' if guess else "see `province incident list`, with or without --exercise"
            raise ProvinceError(f"no incident {id_!r}", hint=hint, exit_code=ExitCode.USAGE)
        return found

    def open(self, make: Callable[[str], Opened], now: datetime) -> Incident:
        """Write the first entry of a new incident; `make` gets the id, the next number of the local year."""
        with self._alone():
            year = now.astimezone(LOCAL).year
            used = [int(path.stem[-4:]) for path in self._of_year(year) if read(path).entries]
            opened = make(f"{self.kind}-{year}-{max(used, default=0) + 1:04}")
            append(self.path(opened.incident), opened)
            return self.get(opened.incident)

    def add(self, id_: str, entry: Later) -> Incident:
        """Write a further entry; an incident is closed once."""
        self.get(id_)
        with self._alone():
            if isinstance(entry, Closed) and self.get(id_).closed:
                raise ProvinceError(
                    f"{id_} is closed already",
                    hint="what became known later is a note: `province incident note`",
                    exit_code=ExitCode.USAGE,
                )
            append(self.path(id_), entry)
            return self.get(id_)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While nobody else writes; a second writer waits."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder):
            yield

    def _of_year(self, year: int) -> Iterator[Path]:
        return self.folder.glob(f"{self.kind}-{year}-[0-9][0-9][0-9][0-9].jsonl")

    def _is_name(self, id_: str) -> bool:
        """Whether an id is a name in the folder, not a way out of it."""
        return Path(id_).name == id_

    def _gaps(self) -> Iterator[ProvinceError]:
        """Numbers before the newest of a year whose file is gone, or holds nothing."""
        numbers: dict[str, set[int]] = {}
        for path in self.folder.glob(f"{self.kind}-*.jsonl"):
            stem, _, number = path.stem.rpartition("-")
            if path.stat().st_size and number.isdecimal():
                numbers.setdefault(stem, set()).add(int(number))
        for stem, there in sorted(numbers.items()):
            for gone in sorted(set(range(1, max(there))) - there):
                path = self.path(f"{stem}-{gone:04}")
                yield ProvinceError(f"{path}: was removed", hint=MEND, exit_code=ExitCode.BAD_DATA)
