"""The machine's mount table, as far as it concerns a lab."""

from __future__ import annotations

from pathlib import Path

from province.lab.commands import run

TABLE = Path("/proc/self/mountinfo")
ESCAPED = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}


def below(folder: Path, table: Path = TABLE) -> list[Path]:
    """List the mount points in `folder`, the deepest first (proc_pid_mountinfo(5), field 5)."""
    points = (Path(_plain(line.split()[4])) for line in table.read_text().splitlines())
    inside = [point for point in points if point.is_relative_to(folder)]
    return sorted(inside, key=lambda point: len(point.parts), reverse=True)


def unmount_below(folder: Path) -> None:
    """Unmount everything in `folder`."""
    for point in below(folder):
        run(["umount", point])


def file_system(folder: Path, table: Path = TABLE) -> str:
    """Return the type of the file system that holds `folder`."""
    kinds = {}
    for line in table.read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        kinds[Path(_plain(fields.split()[4]))] = rest.split()[0]
    return next(kinds[path] for path in [folder, *folder.parents] if path in kinds)


def _plain(text: str) -> str:
    """Undo the table's escapes."""
    for escape, character in ESCAPED.items():
        text = text.replace(escape, character)
    return text
