"""The libraries of ``uv.lock`` for an image: wheels by the lock's own checksums, for the image's interpreter."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints

from province.errors import ExitCode, ProvinceError
from province.toolchain import cache, elf, go, pins
from province.toolchain.pins import Pin

UV = Path(".province/uv/bin/uv")
"""The program that reads the lock, of the version that tools/setup pins; below the checkout."""
GLIBC = "2_40"
"""Wheels may ask for the C library of Debian 13 (2.41) or an older one (PEP 600)."""
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_BESIDE = ("bin", "RECORD", "INSTALLER", "REQUESTED", ".lock", "uv_cache.json", "uv_build.json")
"""What an installer leaves beside the libraries: programs that name its own interpreter, and its notes of them."""

# Raise it when `_install` leaves something else behind: old entries of the cache are then left aside.
_FORMAT = "1"


Project = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]


class Locked(Pin):
    """Which libraries an image has, and where: all that the project needs, none of those for development.

    `python` is the interpreter that they are for, as ``3.13``. `pruned` are projects that the image has no use for;
    what only they need stays out as well. `from_source` are projects that are published without a wheel: pure Python,
    built from what the lock names by the setuptools of the lock.
    """

    into: Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9._+-]+)+$")]
    python: Annotated[str, StringConstraints(pattern=r"^3\.\d+$")]
    pruned: tuple[Project, ...] = ()
    from_source: tuple[Project, ...] = ()


def files(locked: Locked, root: Path, checkout: Path = pins.CHECKOUT) -> dict[str, Path]:
    """The files of the libraries by their path in the image, and what they need of the Debian tree `root`.

    Raises ProvinceError for a library without a wheel that the recipe does not say is built.
    """
    folder = _tree(locked, checkout)
    own = {str(file.relative_to(folder)): file for file in _below(folder)}
    shared = [file for file in own.values() if ".so" in file.suffixes]
    found = dict(_of_debian(root, shared, {file.name for file in shared}))
    return found | {f"{locked.into}/{path}": file for path, file in own.items()}


def requirements(locked: Locked, checkout: Path = pins.CHECKOUT) -> str:
    """What the lock says of these libraries: each with its version and the checksums of its files."""
    pruned = [word for name in locked.pruned for word in ("--prune", name)]
    fixed = ("--frozen", "--no-dev", "--no-default-groups", "--no-emit-project", "--no-annotate", "--no-header")
    return _uv(checkout, "export", "--quiet", "--project", str(checkout), *fixed, *pruned)


def _tree(locked: Locked, checkout: Path) -> Path:
    """A folder with the libraries; fetched the first time."""
    asked = requirements(locked, checkout)
    machine = _MACHINES[go.host_platform().partition("-")[2]]
    key = cache.key_of(_FORMAT, locked.python, GLIBC, machine, asked, *locked.from_source)

    def install(folder: Path) -> None:
        listed = folder / "requirements.txt"
        listed.write_text(asked, encoding="utf-8")
        words = ("--require-hashes", "--no-deps", "--no-build-isolation", "--link-mode", "copy", "--quiet")
        wheels = [word for name in _projects(asked) - {*locked.from_source} for word in ("--only-binary", name)]
        platform = ("--python-version", locked.python, "--python-platform", f"{machine}-manylinux_{GLIBC}")
        _uv(checkout, "pip", "install", "--target", str(folder / "root"), *words, *wheels, *platform, "-r", str(listed))

    return cache.entry("locked-libraries", key, install) / "root"


def _projects(asked: str) -> set[str]:
    """The names in a list of requirements."""
    return {line.partition("==")[0] for line in asked.splitlines() if "==" in line and line[0] not in " #"}


def _below(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        first, name = file.relative_to(folder).parts[0], file.name
        if file.is_file() and first not in _BESIDE and name not in _BESIDE and file.suffix != ".pyc":
            yield file


def _of_debian(root: Path, shared: Iterable[Path], beside: set[str]) -> Iterator[tuple[str, Path]]:
    """The libraries of Debian's that wheels need; what a wheel brings itself it finds by itself."""
    wanted = {name for file in shared for name in elf.read(file).libraries if name not in beside}
    for name in sorted(wanted):
        yield from elf.closure(root, elf.library(root, name)).items()


def _uv(checkout: Path, *words: str) -> str:
    program = checkout / UV
    try:
        done = subprocess.run([program, *words], cwd=checkout, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ProvinceError(f"{program} is missing", hint="run: make setup", exit_code=ExitCode.MACHINE) from error
    if done.returncode:
        raise ProvinceError(
            f"uv {' '.join(words[:2])} ended with {done.returncode}:\n{done.stderr.strip()}",
            hint="a project without a wheel is named in `locked.from_source` of the recipe; the rest is the network's",
            exit_code=ExitCode.MACHINE,
        )
    return done.stdout
