"""The file of one incident: JSON lines that hold each other (province.verify.chain), only ever appended to.

A line counts as soon as `append` has returned: it is on the disk then. A writer that was killed before leaves a last
line without its end; readers leave it out and the next writer removes it. Anything else that does not follow was
changed by somebody, and is an error with its line.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from province.errors import ExitCode, ProvinceError
from province.incident.entry import ENTRY, Entry
from province.verify.chain import body_of, chained, follow, link
from province.verify.evidence import MODE

_COMPLETE = re.compile(rb',"chain":"[0-9a-f]{64}"\}')
"""The end of a whole line; inside a text of it the quotation marks would be escaped."""

MEND = "nothing is added to it: put the file back from its backup, or from the newest bundle of the incident"


@dataclass(frozen=True)
class Timeline:
    """What a file holds: its entries, the last hash, how many bytes they fill, and how many after them are torn.

    `unended` says that only the line feed of the last entry is missing: the entry is whole, and counts.
    """

    entries: tuple[Entry, ...]
    head: str
    bytes: int
    torn: int
    unended: bool = False


def read(path: Path) -> Timeline:
    """The timeline of a file, without entries where there is none. ProvinceError for a line that was changed."""
    try:
        data = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise ProvinceError(f"{path}: cannot be read: {error.strerror}", exit_code=ExitCode.MACHINE) from None
    whole, tail = data[: data.rfind(b"\n") + 1], data[data.rfind(b"\n") + 1 :]
    lines = [line + b"\n" for line in whole.split(b"\n")[:-1]]
    complete = _COMPLETE.search(tail)
    unended = complete is not None and complete.end() == len(tail)
    if unended:
        lines.append(tail + b"\n")
    elif complete:
        raise broken(path, len(lines) + 1, "the line does not end as it was written")
    walked = follow(lines)
    if walked.broken:
        raise broken(path, walked.broken.line, walked.broken.what)
    entries = tuple(_parse(path, number, line.decode()) for number, line in enumerate(lines, start=1))
    size = len(data) if unended else len(whole)
    return Timeline(entries, walked.head, size, len(data) - size, unended)


def append(path: Path, entry: Entry, *, sync: Callable[[int], None] = os.fsync) -> str:
    """Add an entry and return its hash once it is on the disk; the caller holds the folder's lock.

    ProvinceError when the file does not hold together, or when the disk did not take it: then it is as it was.
    """
    before = read(path)
    new = not path.exists()
    body = entry.model_dump_json()
    chain = link(before.head, body)
    line = (b"\n" if before.unended else b"") + chained(body, chain)
    try:
        _write(path, before.bytes, line, sync)
        if new:
            _sync_folder(path.parent)
    except OSError as error:
        raise ProvinceError(
            f"{path}: the entry was not written: {error.strerror}",
            hint="make room or mend the disk, then write it again; what was there before still counts",
            exit_code=ExitCode.MACHINE,
        ) from None
    return chain


def broken(path: Path, line: int, what: str) -> ProvinceError:
    """The error about a line that is not as it was written."""
    return ProvinceError(f"{path}:{line}: {what}", hint=MEND, exit_code=ExitCode.BAD_DATA)


def _parse(path: Path, number: int, line: str) -> Entry:
    try:
        return ENTRY.validate_json(body_of(line.rstrip("\n")))
    except ValidationError as error:
        first = error.errors()[0]
        raise broken(path, number, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _write(path: Path, size: int, line: bytes, sync: Callable[[int], None]) -> None:
    """Put a line behind the first `size` bytes of a file; OSError with the file as it was when that fails."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, MODE)
    try:
        os.ftruncate(descriptor, size)
        try:
            if os.write(descriptor, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Keep the name of a new file, too (fsync(2): the file alone does not)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
