"""Whether a folder of evidence is as it was written: what was changed, removed, added, or signed by somebody else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from province.errors import ProvinceError
from province.verify.chain import follow
from province.verify.evidence import read_ends
from province.verify.ledger import FILE, Sealed, Written, kept, read_ledger
from province.verify.signature import Authority, read_signature, signature_path

WORKERS = 4
"""Files looked at side by side: hashing and ssh-keygen both leave Python's lock."""


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it was written. `line` counts from 1 and is None where it is about the whole file."""

    file: str
    line: int | None
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}" if self.line else f"{self.file}: {self.what}"


@dataclass(frozen=True)
class Inspection:
    """What was looked at, and what was found. `cut_short` are runs that never ended, which proves nothing wrong."""

    runs: int
    retired: int
    lines: int
    head: str
    cut_short: tuple[str, ...]
    problems: tuple[Problem, ...]


def inspect(folder: Path, authority: Authority, head: str = "") -> Inspection:
    """Look at every byte of a folder's evidence.

    `head` is the ledger's last hash as it was noted down some time ago: the ledger must still contain it, or newer runs
    were taken away together with their entries.
    """
    path = folder / FILE
    raw = path.read_bytes() if path.is_file() else b""
    walked = follow(raw.splitlines(keepends=True))
    if walked.broken:
        return Inspection(0, 0, walked.lines, walked.head, (), (Problem(FILE, walked.broken.line, walked.broken.what),))
    try:
        entries = read_ledger(folder)
    except ProvinceError as error:
        return Inspection(0, 0, walked.lines, walked.head, (), (Problem(FILE, None, error.message),))
    there = kept(entries)
    with ThreadPoolExecutor(WORKERS) as pool:
        of_entries = pool.map(lambda one: _entry_problem(one, authority), entries)
        of_runs = pool.map(lambda one: _run_problem(folder, one, authority), there)
        problems = [*_numbers(entries), *filter(None, of_entries), *filter(None, of_runs)]
    if head and head not in {one.chain for one in entries}:
        what = f"{head} is no hash of it any more: entries were taken away from its end, or it was written anew"
        problems.append(Problem(FILE, None, what))
    strangers, cut_short = _strangers(folder, entries)
    lines = len(entries) + sum(one.lines for one in there)
    return Inspection(
        len(there), len(entries) - _sealed(entries), lines, walked.head, cut_short, (*problems, *strangers)
    )


def _sealed(entries: Sequence[Written]) -> int:
    return sum(isinstance(one.entry, Sealed) for one in entries)


def _numbers(entries: Sequence[Written]) -> Iterator[Problem]:
    for place, written in enumerate(entries, start=1):
        if written.entry.number != place:
            yield Problem(FILE, place, f"is numbered {written.entry.number}")


def _entry_problem(written: Written, authority: Authority) -> Problem | None:
    entry = written.entry
    wrong = authority.problem(written.chain.encode(), written.signature, entry.signer, entry.time)
    return Problem(FILE, written.line, wrong) if wrong else None


def _run_problem(folder: Path, sealed: Sealed, authority: Authority) -> Problem | None:
    path = folder / sealed.file
    if not path.is_file():
        return Problem(sealed.file, None, f"run {sealed.run} was removed; the ledger never let it go")
    data = path.read_bytes()
    if sha256(data).hexdigest() != sealed.sha256:
        return _changed(data, sealed)
    wrong = authority.problem(data, read_signature(signature_path(path)), sealed.signer, sealed.time)
    return Problem(signature_path(path).name, None, wrong) if wrong else None


def _changed(data: bytes, sealed: Sealed) -> Problem:
    walked = follow(data.splitlines(keepends=True))
    if walked.broken:
        return Problem(sealed.file, walked.broken.line, walked.broken.what)
    if walked.lines < sealed.lines:
        return Problem(sealed.file, walked.lines, f"the file ends here; {sealed.lines} lines were sealed")
    if walked.lines > sealed.lines:
        return Problem(sealed.file, sealed.lines + 1, "from here on lines were added after the run was sealed")
    what = "every line follows from the one before it, but this is not what was sealed: the run was written anew"
    return Problem(sealed.file, None, what)


def _strangers(folder: Path, entries: Sequence[Written]) -> tuple[list[Problem], tuple[str, ...]]:
    """Files that the ledger does not know: those of runs that ended, and the names of those that never did."""
    known = {FILE, *(written.entry.file for written in entries if isinstance(written.entry, Sealed))}
    problems, cut_short = [], []
    for path in sorted(folder.glob("*.jsonl")):
        if path.name in known:
            continue
        try:
            _, end = read_ends(path)
        except (ProvinceError, UnicodeDecodeError) as error:
            problems.append(Problem(path.name, 1, f"is no evidence: {error}".splitlines()[0]))
            continue
        if end is None:
            cut_short.append(path.name)
        else:
            problems.append(Problem(path.name, None, "ended but was never sealed: nobody vouches for it"))
    return problems, tuple(cut_short)
