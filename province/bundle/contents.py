"""What goes into a bundle: the pinned programs, the images, and the Debian packages that the mirror holds."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.toolchain.images import ImageArchive

FIELDS = ("Package", "Version", "Architecture", "Homepage")


@dataclass(frozen=True)
class DebianPackage:
    """A package in Debian's format, and who makes it.

    `file` is None for one that is known only because an image carries parts of it.
    """

    name: str
    version: str
    architecture: str
    homepage: str = ""
    licences: tuple[str, ...] = ()
    file: Path | None = None
    vendor: str = "debian"

    @property
    def file_name(self) -> str:
        """Its name in a pool (deb-version(7): an epoch is no part of it)."""
        return f"{self.name}_{self.version.rpartition(':')[2]}_{self.architecture}.deb"


@dataclass(frozen=True)
class Program:
    """A pinned program and its version."""

    name: str
    version: str
    file: Path


@dataclass(frozen=True)
class Image:
    """An image with what it was made of: programs by name, packages whose files it carries."""

    archive: ImageArchive
    programs: tuple[str, ...] = ()
    packages: tuple[DebianPackage, ...] = ()


@dataclass(frozen=True)
class Contents:
    """Everything in one bundle; `platform` in Go's words."""

    platform: str
    programs: tuple[Program, ...] = ()
    images: tuple[Image, ...] = ()
    packages: tuple[DebianPackage, ...] = ()

    def files(self) -> dict[str, Path]:
        """Where each file comes from, by its place in the bundle. ProvinceError when two would lie in one place."""
        found: dict[str, Path] = {}
        placed = [
            *((f"programs/{one.name}", one.file) for one in self.programs),
            *((f"images/{one.archive.name}.tar", one.archive.path) for one in self.images),
            *((f"packages/{one.file_name}", one.file) for one in self.packages if one.file),
        ]
        for place, file in placed:
            if place in found:
                raise ProvinceError(
                    f"two files for {place} in the bundle: {found[place]} and {file}", exit_code=ExitCode.BAD_DATA
                )
            found[place] = file
        return dict(sorted(found.items()))


def read_packages(files: Iterable[Path], vendor: str = "debian") -> tuple[DebianPackage, ...]:
    """What packages say of themselves; a file that several folders hold counts once."""
    return tuple(_read(file, vendor) for _, file in sorted({one.name: one for one in files}.items()))


def owners(root: Path, files: Iterable[Path]) -> tuple[DebianPackage, ...]:
    """The packages of the Debian tree `root` that its files belong to, sorted."""
    admin = f"--admindir={root / 'var/lib/dpkg'}"
    paths = [f"/{file.relative_to(root)}" for file in files]
    if not paths:
        return ()
    found = _dpkg("dpkg-query", admin, "--search", *paths)
    names = sorted({line.partition(": ")[0] for line in found.splitlines()})
    shown = _dpkg("dpkg-query", admin, "--show", "--showformat", _format(), *names)
    packages = [_described(line) for line in shown.splitlines()]
    return tuple(replace(one, licences=licences(_copyright_of_tree(root, one.name))) for one in packages)


def licences(copyright_file: str) -> tuple[str, ...]:
    """The licences that a machine-readable copyright file names (Debian's form 1.0); none for one in free text."""
    lines = copyright_file.splitlines()
    if not lines or not lines[0].startswith("Format:"):
        return ()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("License:"))
    return tuple(sorted({name for name in named if name}))


def _read(file: Path, vendor: str) -> DebianPackage:
    said = _described(_dpkg("dpkg-deb", "--showformat", _format(), "--show", str(file)).rstrip("\n"))
    return replace(said, licences=licences(_copyright(file)), file=file, vendor=vendor)


def _described(line: str) -> DebianPackage:
    name, version, architecture, homepage = line.split("\t")
    return DebianPackage(name, version, architecture, homepage)


def _copyright(file: Path) -> str:
    """The copyright file of a package, "" for one that shares another's."""
    pattern = "./usr/share/doc/*/copyright"
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(file)], stdout=subprocess.PIPE) as tar:
        words = ["tar", "--extract", "--to-stdout", "--wildcards", pattern]
        done = subprocess.run(words, stdin=tar.stdout, capture_output=True, check=False)
    return done.stdout.decode(errors="replace")


def _copyright_of_tree(root: Path, name: str) -> str:
    file = root / "usr/share/doc" / name / "copyright"
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def _format() -> str:
    return "\\t".join(f"${{{field}}}" for field in FIELDS) + "\\n"


def _dpkg(*words: str) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ProvinceError(
            f"{words[0]}: program not found", hint="a bundle is made on Debian", exit_code=ExitCode.MACHINE
        ) from None
    if done.returncode != 0:
        raise ProvinceError(f"`{' '.join(words[:4])} …` failed: {done.stderr.strip()}", exit_code=ExitCode.MACHINE)
    return done.stdout
