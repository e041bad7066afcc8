"""One database as psql reaches it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

from province.errors import ExitCode, ProvinceError


@dataclass(frozen=True)
class Server:
    """A database: `conninfo` as libpq reads it (keys and values), and as the other side reaches it (`from_other`).

    `programs` is put before each program of PostgreSQL's, for those that do not lie in PATH.
    """

    conninfo: str
    from_other: str
    programs: tuple[str, ...] = ()

    def ask(self, sql: str, *, seconds: float = 600) -> str:
        """What statements return, without the last line end; all of them in one transaction.

        Raises ProvinceError with the server's words when one fails.
        """
        return self.run(
            "psql", "-XqAtv", "ON_ERROR_STOP=1", "-1", "-f", "-", "-d", self.conninfo, typed=sql, seconds=seconds
        )

    def outside(self, sql: str) -> str:
        """One statement that may not stand in a transaction, such as one that makes a replication slot."""
        return self.run("psql", "-XqAtv", "ON_ERROR_STOP=1", "-d", self.conninfo, "-c", sql)

    def rows(self, sql: str) -> list[list[str]]:
        """The rows of a query, with fields as text."""
        return [line.split("|") for line in self.ask(sql).splitlines()]

    def copy(self, table: str, lines: Iterable[bytes]) -> None:
        """Fill a table, named with its columns, from lines as COPY reads them; all of them or none."""
        command = [*self.programs, "psql", "-XqAtv", "ON_ERROR_STOP=1", "-d", self.conninfo]
        command += ["-c", f"COPY {table} FROM STDIN"]
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said)
            # One that ended before it had read all says why by its exit code and its words.
            with contextlib.suppress(BrokenPipeError), process, cast("IO[bytes]", process.stdin) as typed:
                typed.writelines(lines)
            said.seek(0)
            if process.returncode:
                raise ProvinceError(f"{self.conninfo}: {said.read().decode(errors='replace').strip()}")

    def run(self, program: str, *words: str, typed: str | Path = "", seconds: float = 600) -> str:
        """What one of PostgreSQL's programs prints; it reads a text, or a file."""
        with tempfile.TemporaryFile() as printed:
            self._run([program, *words], typed, printed, seconds)
            printed.seek(0)
            return printed.read().decode().rstrip("\n")

    def run_into(self, file: Path, program: str, *words: str, seconds: float = 86400) -> None:
        """Keep what a program prints, on the disk."""
        with file.open("wb") as opened:
            self._run([program, *words], "", opened, seconds)
            os.fsync(opened.fileno())

    def other(self, name: str) -> Server:
        """Another database of the same server: of a key that stands twice, libpq takes the last."""
        quoted = name.replace("\\", "\\\\").replace("'", "\\'")
        return replace(
            self, conninfo=f"{self.conninfo} dbname='{quoted}'", from_other=f"{self.from_other} dbname='{quoted}'"
        )

    def _run(self, words: list[str], typed: str | Path, printed: IO[bytes], seconds: float) -> None:
        with contextlib.ExitStack() as files:
            if isinstance(typed, Path):
                read: IO[bytes] = files.enter_context(typed.open("rb"))
            else:
                read = files.enter_context(tempfile.TemporaryFile())
                read.write(typed.encode())
                read.seek(0)
            said = files.enter_context(tempfile.TemporaryFile())
            try:
                done = subprocess.run(
                    [*self.programs, *words], stdin=read, stdout=printed, stderr=said, check=False, timeout=seconds
                )
            except subprocess.TimeoutExpired:
                raise ProvinceError(
                    f"{self.conninfo}: no answer in {seconds:.0f} s", exit_code=ExitCode.UNREACHABLE
                ) from None
            if done.returncode:
                said.seek(0)
                # psql says 2 when it lost the server, as against 1 and 3 for a statement that failed.
                gone = words[0] == "psql" and done.returncode == 2
                raise ProvinceError(
                    f"{self.conninfo}: {said.read().decode(errors='replace').strip()}",
                    exit_code=ExitCode.UNREACHABLE if gone else ExitCode.FAILED,
                )

    def wait(self, what: str, true: Callable[[], bool], seconds: float) -> None:
        """Wait until something is true; ProvinceError says what did not become true in time."""
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                raise ProvinceError(
                    f"{self.conninfo}: {what} took longer than {seconds:.0f} s",
                    hint="nothing was switched; look at both servers' logs, then ask for the same phase again",
                )
            time.sleep(0.05)
