"""Make Debian packages of our own: the same input gives the same bytes, so that a checksum means something."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from province.lab.commands import run

EPOCH = "1735689600"
"""Time stamp of every file in every package, 1 January 2025: a build must not depend on the day."""


@dataclass(frozen=True)
class Deb:
    """A package: files by their path on the host, each with its source file and permission bits.

    depends, provides: names of Debian packages. architecture: Debian's name of it, `all` for scripts and texts.
    links: symbolic links by their path, each with what it points to.
    """

    name: str
    version: str
    files: dict[str, tuple[Path, int]]
    maintainer: str
    description: str
    architecture: str = "all"
    depends: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    links: dict[str, str] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """The file's usual name: name, version and architecture."""
        return f"{self.name}_{self.version}_{self.architecture}.deb"


def make_deb(folder: Path, deb: Deb) -> Path:
    """Write a package into `folder` and return its path.

    Not compressed: it is served on the machine that made it, and a compressor's version would change its bytes.
    """
    target = folder / deb.file_name
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        tree = Path(scratch)
        tree.chmod(0o755)
        for name, (source, mode) in sorted(deb.files.items()):
            _place(tree, name, source, mode)
        for name, destination in sorted(deb.links.items()):
            _parent(tree, name).symlink_to(destination)
        control = _parent(tree, "DEBIAN/control")
        control.write_text(control_file(deb), encoding="utf-8")
        control.chmod(0o644)
        run(
            ["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, target],
            env={"SOURCE_DATE_EPOCH": EPOCH},
        )
    return target


def control_file(deb: Deb) -> str:
    """Write the package's control file (deb-control(5))."""
    fields = {
        "Package": deb.name,
        "Version": deb.version,
        "Architecture": deb.architecture,
        "Maintainer": deb.maintainer,
        "Depends": ", ".join(deb.depends),
        "Provides": ", ".join(deb.provides),
        "Description": deb.description,
    }
    return "".join(f"{key}: {value}\n" for key, value in fields.items() if value)


def _place(tree: Path, name: str, source: Path, mode: int) -> None:
    """Copy one file into the tree."""
    path = _parent(tree, name)
    shutil.copyfile(source, path)
    path.chmod(mode)


def _parent(tree: Path, name: str) -> Path:
    """Return a path in the tree and make the folders above it with the usual permission."""
    path = tree / name.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in path.relative_to(tree).parents:
        (tree / folder).chmod(0o755)
    return path
