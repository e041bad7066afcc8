"""The ledger of a folder of evidence: one signed line for each run that came to its end, and for each one let go.

It is what makes a run that was taken away, or written anew by somebody else, show. Only the newest lines can vanish
without a trace in the folder itself; so every run and report prints the last hash (`head`), to be kept elsewhere.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, TypeAdapter, ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.fact import Fact, NonBlank, Slug
from province.verify.chain import body_of, chained, ends_of, follow, link
from province.verify.evidence import MODE, read_ends
from province.verify.signature import Signer, signature_path

FILE = "ledger.jsonl"
LOCK = "ledger.lock"


class Sealed(Fact):
    """A run as it was when it ended: its file's SHA-256, how many lines it has, and the hash at its last line."""

    kind: Literal["sealed"] = "sealed"
    number: PositiveInt
    time: datetime
    signer: str
    run: str
    file: str
    sha256: str
    lines: PositiveInt
    checks: NonNegativeInt
    head: str
    started: datetime
    retention: Slug


class Retired(Fact):
    """A run whose file was let go because the time of its class of retention is over."""

    kind: Literal["retired"] = "retired"
    number: PositiveInt
    time: datetime
    signer: str
    run: str
    file: str
    retention: Slug
    reason: NonBlank


Entry = Sealed | Retired
_ENTRY: TypeAdapter[Entry] = TypeAdapter(Annotated[Sealed | Retired, Field(discriminator="kind")])


@dataclass(frozen=True)
class Written:
    """An entry with what the file says beside it: its number of line, its hash, its signature."""

    line: int
    entry: Entry
    chain: str
    signature: str


def read_ledger(folder: Path) -> tuple[Written, ...]:
    """All entries, in order; none in a folder without a ledger. ProvinceError for a line that is no entry."""
    path = folder / FILE
    if not path.is_file():
        return ()
    return tuple(_parse(path, number, line) for number, line in enumerate(path.read_text("utf-8").splitlines(), 1))


def seal(path: Path, signer: Signer | None, now: datetime) -> Written:
    """Sign a finished run and enter it in the ledger of its folder; a run is entered once.

    Without a signer the run is entered unsigned, which `find_problems` reports. ProvinceError when the ledger does not
    hold together: nothing is added to one that was tampered with.
    """
    data = path.read_bytes()
    run, end = read_ends(path)
    if end is None:
        raise ProvinceError(f"{path}: the run did not come to its end", hint="run the checks again")
    walked = follow(data.splitlines(keepends=True))
    with _locked(path.parent) as entries:
        for written in entries:
            if isinstance(written.entry, Sealed) and written.entry.run == run.run:
                return written
        if signer is not None:
            _write_new(signature_path(path), signer.sign(data).encode())
        entry = Sealed(
            number=len(entries) + 1,
            time=now,
            signer=signer.name if signer else "",
            run=run.run,
            file=path.name,
            sha256=sha256(data).hexdigest(),
            lines=walked.lines,
            checks=end.checks,
            head=walked.head,
            started=run.started,
            retention=run.retention,
        )
        return _append(path.parent, entries, entry, signer)


def retire(folder: Path, sealed: Sealed, reason: str, signer: Signer | None, now: datetime) -> Written:
    """Enter in the ledger that a run is let go, and only then delete its file and signature."""
    with _locked(folder) as entries:
        entry = Retired(
            number=len(entries) + 1,
            time=now,
            signer=signer.name if signer else "",
            run=sealed.run,
            file=sealed.file,
            retention=sealed.retention,
            reason=reason,
        )
        written = _append(folder, entries, entry, signer)
    path = folder / sealed.file
    path.unlink(missing_ok=True)
    signature_path(path).unlink(missing_ok=True)
    return written


def kept(entries: tuple[Written, ...]) -> tuple[Sealed, ...]:
    """The runs that have to be there: sealed and not let go, in the order in which they were sealed."""
    gone = {written.entry.run for written in entries if isinstance(written.entry, Retired)}
    return tuple(one.entry for one in entries if isinstance(one.entry, Sealed) and one.entry.run not in gone)


@contextmanager
def _locked(folder: Path) -> Iterator[tuple[Written, ...]]:
    """The entries, while nobody else may add one."""
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = folder / FILE
        broken = follow(path.read_bytes().splitlines(keepends=True)).broken if path.is_file() else None
        if broken:
            raise ProvinceError(
                f"{path}:{broken.line}: {broken.what}",
                hint="nothing is added to a ledger that was tampered with: compare it with the backup",
                exit_code=ExitCode.BAD_DATA,
            )
        yield read_ledger(folder)


def _append(folder: Path, entries: tuple[Written, ...], entry: Entry, signer: Signer | None) -> Written:
    body = entry.model_dump_json()
    chain = link(entries[-1].chain if entries else "", body)
    signature = signer.sign(chain.encode()) if signer else ""
    descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, MODE)
    try:
        os.write(descriptor, chained(body, chain, signature))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return Written(len(entries) + 1, entry, chain, signature)


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parse(path: Path, number: int, line: str) -> Written:
    try:
        entry = _ENTRY.validate_json(body_of(line))
        chain, signature = ends_of(line)
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{path}:{number}: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise ProvinceError(what, hint="compare it with the backup", exit_code=ExitCode.BAD_DATA) from None
    return Written(number, entry, chain, signature)
