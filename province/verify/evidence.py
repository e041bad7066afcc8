"""Evidence: what was seen on a host, when, by whom, and what was expected; one JSON object per line.

The first line of a file says what the run was, each further line is one check on one host, and the last line says
that the run came to its end. Files are only ever appended to: a run that was killed leaves what it had seen. Each line
holds on to the one before it (`chain.py`); what a finished run is sealed with is in `ledger.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.fact import Fact, Slug
from province.verify.chain import body_of, chained, link
from province.verify.outcome import Outcome

MODE = 0o640
"""Evidence names weaknesses: its owner writes, its group reads, others see nothing."""


LONGEST = 32_768
"""No last line has as many bytes."""

ROUTINE = "routine"
"""The class of retention of a run that nobody asked to keep for longer."""


class Run(Fact):
    """The first line: who looked at what, and by which version of the model.

    `whole` says that every check that exists for these hosts was meant to run, not a part chosen by name.
    `retention` is the class that says how long the run is kept (`province.evidence.retention`).
    """

    kind: Literal["run"] = "run"
    run: str
    environment: str
    started: datetime
    commit: str
    verifier: str
    hosts: tuple[str, ...]
    whole: bool = True
    retention: Slug = ROUTINE


class Record(Fact):
    """One check on one host.

    `subject` is the capability that the check belongs to (`ssh`, `firewall`); `controls` are numbers of the
    controls. `seen` and `expected` are the two sides of the comparisons that were made, as far as the test was run.
    `boot` is the kernel's boot id and `manifest` the digest of what was last applied: they tell whether the host was
    restarted or changed since; `plan` is the digest of what the model wants there. `commands` is the digest of the
    commands whose answers the check looked at. `message` is empty when the outcome is pass.
    """

    kind: Literal["check"] = "check"
    run: str
    time: datetime
    host: str
    commune: str | None = None
    body: str | None = None
    site: str | None = None
    test: str
    title: str = ""
    subject: str
    controls: tuple[int, ...] = ()
    outcome: Outcome
    seen: str = ""
    expected: str = ""
    message: str = ""
    seconds: float = 0.0
    boot: str | None = None
    manifest: str | None = None
    plan: str | None = None
    commands: str | None = None
    commit: str
    verifier: str


class End(Fact):
    """The last line: the run was not cut short. `exit_code` is that of the test runner."""

    kind: Literal["end"] = "end"
    run: str
    time: datetime
    checks: int
    exit_code: int


_LINE: TypeAdapter[Run | Record | End] = TypeAdapter(Annotated[Run | Record | End, Field(discriminator="kind")])


@dataclass(frozen=True)
class Evidence:
    """One file, read. `end` is None when the run was cut short."""

    path: Path
    run: Run
    records: tuple[Record, ...]
    end: End | None

    @property
    def complete(self) -> bool:
        """Whether the run came to its end."""
        return self.end is not None


class EvidenceFile:
    """Appends to a new file; what `sync` was called for survives a power cut."""

    def __init__(self, path: Path, run: Run) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._descriptor = os.open(path, flags, MODE)
        self.checks = 0
        self._head = ""
        self._append(run)
        self.sync()

    def add(self, record: Record) -> None:
        """Append one check."""
        self._append(record)
        self.checks += 1

    def sync(self) -> None:
        """Wait until everything appended so far is on the disk."""
        os.fsync(self._descriptor)

    def close(self, end: End) -> None:
        """Append the last line and close the file."""
        self._append(end)
        self.sync()
        os.close(self._descriptor)

    def _append(self, line: Fact) -> None:
        body = line.model_dump_json()
        self._head = link(self._head, body)
        os.write(self._descriptor, chained(body, self._head))


def file_name(started: datetime, run: str) -> str:
    """The name of a run's file: sorts by time, in UTC."""
    return f"{started:%Y%m%dT%H%M%SZ}-{run}.jsonl"


def read_evidence(path: Path) -> Evidence:
    """One file; a last line that was cut by a crash is left out, any other bad line is an error with its number."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    if lines and not text.endswith("\n"):
        lines.pop()
    parsed = [_parse(path, number, line) for number, line in enumerate(lines, start=1)]
    if not parsed or not isinstance(parsed[0], Run):
        raise _broken(path, 1, "does not begin with the description of a run")
    records = tuple(line for line in parsed if isinstance(line, Record))
    end = next((line for line in parsed if isinstance(line, End)), None)
    return Evidence(path, parsed[0], records, end)


def read_ends(path: Path) -> tuple[Run, End | None]:
    """The first and the last line of a file, without those between; no end when the run was cut short."""
    with path.open("rb") as file:
        first = file.readline()
        file.seek(max(0, path.stat().st_size - 2 * LONGEST))
        last = file.read().splitlines(keepends=True)[-1:]
    run = _parse(path, 1, first.decode())
    if not isinstance(run, Run):
        raise _broken(path, 1, "does not begin with the description of a run")
    if not last or not last[0].endswith(b"\n") or b'"kind":"end"' not in last[0]:
        return run, None
    end = _parse(path, 0, last[0].decode())
    return run, end if isinstance(end, End) else None


def latest(evidence: Iterable[Evidence]) -> dict[str, dict[str, Record]]:
    """What counts today: the newest record of every check, by host and test.

    A host's last whole run that came to its end replaces everything before it, so that a check that was renamed or
    given up does not linger; runs after it add to it.
    """
    found: dict[str, dict[str, Record]] = {}
    for one in sorted(evidence, key=lambda one: one.run.started):
        if one.run.whole and one.complete:
            found.update({host: {} for host in one.run.hosts})
        for record in one.records:
            found.setdefault(record.host, {})[record.test] = record
    return {host: records for host, records in found.items() if records}


def _parse(path: Path, number: int, line: str) -> Run | Record | End:
    try:
        return _LINE.validate_json(body_of(line))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _broken(path, number, f"{where}: {first['msg']}") from None


def _broken(path: Path, number: int, problem: str) -> ProvinceError:
    hint = "evidence is never edited: leave this file out, or take it from the backup"
    return ProvinceError(f"{path}:{number}: {problem}", hint=hint, exit_code=ExitCode.BAD_DATA)
