"""Write a bundle, and say what is wrong with one.

Every file but the list itself is in `SHA256SUMS`, so that a site without this repository checks a bundle with
`sha256sum --check SHA256SUMS`. Who signs or writes down the checksum of that one file vouches for the whole.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from province.bundle.contents import Contents
from province.bundle.materials import bill_of_materials
from province.errors import ExitCode, ProvinceError
from province.toolchain.images import ImageArchive

SUMS = "SHA256SUMS"
LIST = "bundle.json"
MATERIALS = "sbom.cdx.json"


@dataclass(frozen=True, order=True)
class Fault:
    """A file of a bundle, and what is wrong with it."""

    file: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}"


def make(folder: Path, contents: Contents) -> str:
    """Write a bundle into an empty or new folder; return the checksum of its list. The same contents give the same.

    Raises ProvinceError for a folder that holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ProvinceError(f"{folder} is not empty", hint="name a new folder for the bundle", exit_code=ExitCode.USAGE)
    for place, source in contents.files().items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        # A copy, not a link: what is changed in a bundle must not change the cache.
        shutil.copyfile(source, target)
    sums = {place: checksum(folder / place) for place in contents.files()}
    for name, document in ((LIST, _listed(contents, sums)), (MATERIALS, bill_of_materials(contents, sums))):
        text = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        (folder / name).write_text(text, encoding="utf-8")
        sums[name] = checksum(folder / name)
    lines = [f"{digest}  {place}\n" for place, digest in sorted(sums.items())]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    return checksum(folder / SUMS)


def faults(folder: Path) -> list[Fault]:
    """What is wrong with a bundle, by file: missing, altered, or not listed. Raises ProvinceError for no bundle."""
    listed = _sums(folder)
    return sorted([*_differing(folder, listed), *_unlisted(folder, listed)])


def archives(folder: Path) -> tuple[ImageArchive, ...]:
    """The images of a bundle that was found faultless."""
    listed = json.loads((folder / LIST).read_text(encoding="utf-8"))["images"]
    return tuple(
        ImageArchive(
            name=one["name"],
            path=folder.absolute() / "images" / f"{one['name']}.tar",
            tagged=one["reference"].partition("@")[0],
            digest=one["reference"].partition("@")[2],
            sha256=one["sha256"],
        )
        for one in listed
    )


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
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise ProvinceError(
            f"{folder} is no bundle: it has no {SUMS}",
            hint="name the folder that `province bundle make` wrote",
            exit_code=ExitCode.USAGE,
        ) from None
    found = {}
    for line in lines:
        digest, gap, place = line.partition("  ")
        inside = not place.startswith("/") and ".." not in Path(place).parts
        if not gap or len(digest) != len(hashlib.sha256().hexdigest()) or not inside:
            raise ProvinceError(f"{file}: {line!r} is no checksum of a file in it", exit_code=ExitCode.BAD_DATA)
        found[place] = digest
    return found


def _listed(contents: Contents, sums: Mapping[str, str]) -> dict[str, Any]:
    """The bundle's own table of contents, for programs."""
    return {
        "format": 1,
        "platform": contents.platform,
        "programs": [
            {"name": one.name, "version": one.version, "sha256": sums[f"programs/{one.name}"]}
            for one in sorted(contents.programs, key=lambda one: one.name)
        ],
        "images": [
            {"name": one.archive.name, "reference": one.archive.reference, "sha256": one.archive.sha256}
            for one in sorted(contents.images, key=lambda one: one.archive.name)
        ],
        "packages": [
            {
                "name": one.name,
                "version": one.version,
                "architecture": one.architecture,
                "file": one.file_name,
                "sha256": sums[f"packages/{one.file_name}"],
            }
            for one in contents.packages
        ],
    }
