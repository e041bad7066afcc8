"""The one place where exports are written: whole files, only those that changed, and what is stale goes away.

Each consumer's folder has a list of what was written there. A file that is not on it is somebody else's: it stays, and
where it is in the way nothing is written at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from province.errors import ExitCode, ProvinceError

LIST = ".exported"


@dataclass(frozen=True)
class Plan:
    """What writing a consumer's files would change in its folder; paths are relative to it."""

    folder: Path
    files: Mapping[str, str]
    changed: tuple[str, ...]
    stale: tuple[str, ...]


def before(folder: Path) -> dict[str, str]:
    """What the files of an earlier export say now; those that somebody removed are left out."""
    with _told(folder):
        return {name: text for name in _listed(folder) if (text := _text(folder / name)) is not None}


def plan(folder: Path, files: Mapping[str, str]) -> Plan:
    """Compare a folder with what should be in it.

    Raises ProvinceError for a folder that cannot be read, and for a file that no export wrote and that is in the way.
    """
    with _told(folder):
        ours = _listed(folder)
        found = {name: _text(folder / name) for name in {*files, *ours}}
    foreign = sorted(name for name in files if name not in ours and found[name] not in {None, files[name]})
    if foreign:
        raise ProvinceError(
            f"{folder / foreign[0]}: no export wrote this file; nothing was changed",
            hint="move it away, or name another folder with --into",
            exit_code=ExitCode.USAGE,
        )
    return Plan(
        folder,
        files,
        changed=tuple(sorted(name for name, text in files.items() if found[name] != text)),
        stale=tuple(sorted(ours - files.keys())),
    )


def carry_out(wanted: Plan) -> None:
    """Make the folder what the plan says. Stopped at any point, the next run finishes it and knows every file."""
    folder = wanted.folder
    with _told(folder):
        # The list is first: a file that is there without being on it would be taken for somebody else's.
        _write(folder / LIST, _lines({*wanted.files, *wanted.stale}))
        for name in wanted.changed:
            _write(folder / name, wanted.files[name])
        for name in wanted.stale:
            (folder / name).unlink(missing_ok=True)
            _drop_empty(folder, (folder / name).parent)
        _write(folder / LIST, _lines(wanted.files))


def _listed(folder: Path) -> set[str]:
    """The files that exports wrote. Raises ProvinceError for a list that names anything outside the folder."""
    names = set((_text(folder / LIST) or "").splitlines())
    for name in names:
        path = PurePosixPath(name)
        if not name or path.is_absolute() or ".." in path.parts:
            raise ProvinceError(
                f"{folder / LIST}: {name!r} is no file of this folder",
                hint="it is not as an export wrote it; name a new folder",
                exit_code=ExitCode.BAD_DATA,
            )
    return names


def _lines(names: Iterable[str]) -> str:
    return "".join(f"{name}\n" for name in sorted(names))


def _text(path: Path) -> str | None:
    """What a file says, byte for byte; None where there is none. What is not UTF-8 is nothing that we wrote."""
    try:
        return path.read_bytes().decode(errors="surrogateescape")
    except FileNotFoundError:
        return None


def _write(path: Path, text: str) -> None:
    """Write a file in one step, so that a reader never sees half of it; the same text is left alone."""
    if _text(path) == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_bytes(text.encode())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _drop_empty(folder: Path, inner: Path) -> None:
    """Remove a folder below the consumer's once nothing is left in it."""
    if inner != folder and inner.is_dir() and not any(inner.iterdir()):
        inner.rmdir()
        _drop_empty(folder, inner.parent)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """What the machine refuses, as one message."""
    try:
        yield
    except OSError as error:
        raise ProvinceError(
            f"cannot export into {folder}: {error.filename or folder}: {error.strerror}",
            hint="name a folder with --into that you may write to",
            exit_code=ExitCode.USAGE,
        ) from error
