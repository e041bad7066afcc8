"""One folder as a shell on its host reaches it, and what it holds."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from province.errors import ExitCode, ProvinceError

_MANIFEST = 'cd "$1" && find . -type f -print0 | sort -z | xargs -0r sha256sum -z'
_SHAPE = "cd \"$1\" && find . -mindepth 1 -printf '%y %m %U:%G %P %l\\0' | sort -z"
MESSAGE = "Read-only file system"
"""What every program is told that writes to a frozen folder (EROFS, as the C library says it)."""


@dataclass(frozen=True)
class Folder:
    """A folder: `/path` here, or `host:/path` as ssh and rsync reach it."""

    place: str

    @property
    def path(self) -> str:
        """Its path on its own host."""
        return self.place.partition(":")[2] or self.place

    def run(
        self, *words: str, into: IO[bytes] | None = None, read: IO[bytes] | None = None, seconds: float = 86400
    ) -> str:
        """What a program prints there, given `read` to read; ProvinceError with its words when it fails."""
        host = self.place.partition(":")[0] if ":" in self.place else ""
        command = ["ssh", "-oBatchMode=yes", host, shlex.join(words)] if host else list(words)
        done = subprocess.run(
            command,
            stdin=read or subprocess.DEVNULL,
            stdout=into or subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
            timeout=seconds,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        if done.returncode:
            gone = bool(host) and done.returncode == 255
            raise ProvinceError(
                f"{self.place}: {done.stderr.decode(errors='replace').strip() or f'{words[0]} ended with an error'}",
                exit_code=ExitCode.UNREACHABLE if gone else ExitCode.FAILED,
            )
        return "" if into else done.stdout.decode(errors="surrogateescape")

    def typed(self, script: str) -> str:
        """What a shell there prints that reads a script of any length; it must let nothing else read from there."""
        with tempfile.TemporaryFile() as file:
            file.write(script.encode())
            file.seek(0)
            return self.run("sh", "-s", read=file)

    def is_there(self) -> bool:
        """Whether the folder exists."""
        return self.run("sh", "-c", 'if [ -d "$1" ]; then echo yes; fi', "sh", self.path) != ""

    def manifest(self) -> dict[str, str]:
        """The SHA-256 of each file, by its path within the folder."""
        lines = self.run("sh", "-ec", _MANIFEST, "sh", self.path).split("\0")
        return {line[66:].removeprefix("./"): line[:64] for line in lines if line}

    def shape(self) -> str:
        """Every entry's kind, mode, owner, path and where it points to: the same text, the same shape."""
        return self.run("sh", "-ec", _SHAPE, "sh", self.path)

    def entries(self) -> frozenset[str]:
        """The lines of its shape."""
        return frozenset(self.shape().splitlines())

    def bytes(self) -> int:
        """What its files hold."""
        return int(self.run("du", "-sb", "--apparent-size", self.path).split()[0])

    def is_mount(self) -> bool:
        """Whether a file system of its own is mounted there; only such a one can refuse writes as a whole."""
        return self.run("sh", "-c", 'if mountpoint -q "$1"; then echo yes; fi', "sh", self.path) != ""

    def refuses(self) -> bool:
        """Whether its file system is read-only, for root as well."""
        options = self.run("findmnt", "-nro", "FS-OPTIONS,OPTIONS", "--mountpoint", self.path)
        return "ro" in options.replace(" ", ",").strip().split(",")

    def shut(self, seconds: float) -> None:
        """Refuse writes, once nobody holds a file open for writing: none is in flight afterwards."""
        end = time.monotonic() + seconds
        while not self.refuses():
            try:
                self.run("mount", "-o", "remount,ro", self.path)
            except ProvinceError as error:
                if time.monotonic() > end:
                    raise ProvinceError(
                        f"{self.place}: a program held a file open for writing for {seconds:.0f} s: {error.message}",
                        hint=f"`fuser -vm {self.path}` on its host names it; nothing was switched",
                    ) from None
                time.sleep(0.1)

    def open_(self) -> None:
        """Take writes again."""
        if self.refuses():
            self.run("mount", "-o", "remount,rw", self.path)

    def note(self) -> Path:
        """Where the note about a move lies: beside the folder, never within."""
        return Path(f"{self.path.rstrip('/')}.move")


def pull(source: Folder, target: Folder, *options: str) -> str:
    """Make the target what the source is, by rsync on the target's host; what it printed."""
    flags = ("-aHAX", "--numeric-ids", "--delete", "--stats", *options)
    return target.run("rsync", *flags, f"{source.place.rstrip('/')}/", f"{target.path.rstrip('/')}/")


def differing(here: dict[str, str], there: dict[str, str]) -> tuple[str, ...]:
    """Files that are not the same, or on one side only."""
    return tuple(sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name)))
