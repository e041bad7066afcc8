"""Which files a program of another Debian tree needs to run: its loader and its shared libraries.

Read from the ELF headers, because `ldd` would run the foreign loader, and only as root in a chroot.
Source of layout and numbers: System V ABI, chapters 4 and 5; elf(5). 64-bit little-endian files only.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from province.errors import ExitCode, ProvinceError

_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_NEEDED, _STRING_TABLE = 1, 5
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_DYNAMIC_ENTRY = struct.Struct("<qQ")
_MOST_LINKS = 40


@dataclass(frozen=True)
class Needs:
    """What one ELF file asks for: path of its loader (None if it has none), names of libraries."""

    interpreter: str | None
    libraries: tuple[str, ...]


def closure(root: Path, program: str) -> dict[str, Path]:
    """Return program, loader and all libraries, found in the tree `root`: path in the tree → real file.

    A static program yields itself alone. Raises ProvinceError for a file that is missing or is no ELF file.
    """
    found = {program: in_tree(root, program)}
    waiting = [found[program]]
    while waiting:
        needs = read(waiting.pop())
        paths = [needs.interpreter] if needs.interpreter else []
        for path in [*paths, *(library(root, name) for name in needs.libraries)]:
            if path not in found:
                found[path] = in_tree(root, path)
                waiting.append(found[path])
    return found


def read(file: Path) -> Needs:
    """Return what an ELF file needs; raises ProvinceError if it is not one for a 64-bit machine."""
    data = file.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise ProvinceError(
            f"{file} is not a 64-bit program",
            hint="take it from a Debian tree of this machine's architecture",
            exit_code=ExitCode.MACHINE,
        )
    segments = list(_segments(data))
    interpreter = next((_text(data, offset) for kind, offset, _, _ in segments if kind == _INTERPRETER), None)
    return Needs(interpreter, tuple(_needed(data, segments)))


def in_tree(root: Path, path: str) -> Path:
    """Return the real file behind `path` in the tree, following links as if `root` were ``/``."""
    waiting = list(PurePosixPath(path).parts[1:])
    place = root
    links = 0
    while waiting:
        part = waiting.pop(0)
        if part == "..":
            place = root if place == root else place.parent
            continue
        if not (place / part).is_symlink():
            place = place / part
            continue
        links += 1
        target = (place / part).readlink()
        if target.is_absolute():
            place = root
        waiting = [*(p for p in target.parts if p != "/"), *waiting]
        if links > _MOST_LINKS:
            break
    if not place.is_file():
        raise ProvinceError(
            f"{path} is missing in the Debian tree {root}",
            hint="the tree must have the package that holds it",
            exit_code=ExitCode.MACHINE,
        )
    return place


def _segments(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield kind, offset in the file, address and size of each program header."""
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, _, offset, address, _, length, _, _ = _PROGRAM_HEADER.unpack_from(data, table + number * size)
        yield kind, offset, address, length


def _needed(data: bytes, segments: list[tuple[int, int, int, int]]) -> Iterator[str]:
    for kind, offset, _, length in segments:
        if kind != _DYNAMIC:
            continue
        table = data[offset : offset + length - length % _DYNAMIC_ENTRY.size]
        entries = list(_DYNAMIC_ENTRY.iter_unpack(table))
        strings = next((value for tag, value in entries if tag == _STRING_TABLE), None)
        if strings is None:
            continue
        start = _offset_of(strings, segments)
        for tag, value in entries:
            if tag == _NEEDED:
                yield _text(data, start + value)


def _offset_of(address: int, segments: list[tuple[int, int, int, int]]) -> int:
    for kind, offset, begin, length in segments:
        if kind == _LOAD and begin <= address < begin + length:
            return address - begin + offset
    return address


def _text(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode("ascii")


def library(root: Path, name: str) -> str:
    """Return where Debian keeps a library: in its multiarch folder (the loader looks there by itself)."""
    if name.startswith("ld-linux"):
        return f"/lib64/{name}" if (root / "lib64").exists() else f"/lib/{name}"
    for folder in sorted((root / "usr/lib").glob("*-linux-gnu")):
        if (folder / name).exists() or (folder / name).is_symlink():
            return f"/usr/lib/{folder.name}/{name}"
    raise ProvinceError(
        f"the library {name} is missing in the Debian tree {root}",
        hint="the tree must have the packages that the programs in k8s/images/ depend on",
        exit_code=ExitCode.MACHINE,
    )
