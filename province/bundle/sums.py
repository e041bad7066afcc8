"""The checksums of a folder that leaves this machine, and what is wrong with one that came back.

Every file but the list itself is in `SHA256SUMS`, so that a site without this repository checks a folder with
`sha256sum --check SHA256SUMS`. Who signs or writes down the checksum of that one file vouches for the whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from province.errors import ExitCode, ProvinceError

SUMS = "SHA256SUMS"


@dataclass(frozen=True, order=True)
class Fault:
    """A file of a bundle, and what is wrong with it."""

    file: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}"


def write_sums(folder: Path, sums: Mapping[str, str]) -> str:
    """Write the list of a folder's files and their checksums; return the checksum of the list."""
    lines = [f"{digest}  {place}\n" for place, digest in sorted(sums.items())]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    return checksum(folder / SUMS)


def faults(folder: Path) -> list[Fault]:
    """What is wrong with a bundle, by file: missing, altered, or not listed. Raises ProvinceError for no bundle."""
    listed = _sums(folder)
    return sorted([*_differing(folder, listed), *_unlisted(folder, listed)])


def checksum(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _differing(folder: Path, listed: Mapping[str, str]) -> Iterator[Fault]:
    for place, digest in listed.items():
        file = folder / place
        if not file.is_file():
            yield Fault(place, "is missing")
        elif (found := checksum(file)) != digest:
            yield Fault(place, f"has the checksum {found}, not {digest}")


def _unlisted(folder: Path, listed: Mapping[str, str]) -> Iterator[Fault]:
    for file in folder.rglob("*"):
        place = file.relative_to(folder).as_posix()
        if file.is_symlink() or (file.is_file() and place not in {*listed, SUMS}):
            yield Fault(place, f"is not in {SUMS}")


def _sums(folder: Path) -> dict[str, str]:
    file = folder / SUMS
    try:
        # Whole bytes: where a line ends must not be guessed, or a changed line feed would pass.
        lines = file.read_bytes().decode(errors="replace").split("\n")
    except FileNotFoundError:
        raise ProvinceError(
            f"{folder} is no bundle: it has no {SUMS}",
            hint="name a folder that `province bundle make` or `province incident bundle` wrote",
            exit_code=ExitCode.USAGE,
        ) from None
    if lines.pop():
        raise ProvinceError(f"{file}: does not end with a line feed", exit_code=ExitCode.BAD_DATA)
    found = {}
    for line in lines:
        digest, gap, place = line.partition("  ")
        inside = not place.startswith("/") and ".." not in Path(place).parts
        if not gap or len(digest) != len(hashlib.sha256().hexdigest()) or not inside:
            raise ProvinceError(f"{file}: {line!r} is no checksum of a file in it", exit_code=ExitCode.BAD_DATA)
        found[place] = digest
    return found
