"""One connection that stays open: for what is asked in one transaction, or in less time than psql needs to start."""

from __future__ import annotations

import subprocess
import time
from datetime import UTC, datetime
from typing import IO, cast

from province.errors import ExitCode, ProvinceError
from province.migration.postgresql.server import Server

_END = "province: that was all"
ASKED_TIMES = 5


class Session:
    """psql, waiting for the next statement."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._process = subprocess.Popen(
            [*server.programs, "psql", "-XqAtv", "ON_ERROR_STOP=1", "-d", server.conninfo],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._in, self._out = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        # A session that is left in the middle of a statement would wait for its end.
        self._process.kill()
        self._process.wait()
        self._in.close()
        self._out.close()

    def ask(self, sql: str) -> str:
        """What statements return; ProvinceError with the server's words when one fails, and the session is over."""
        said: list[str] = []
        try:
            self._in.write(f"{sql}\n\\echo {_END}\n")
            self._in.flush()
        except BrokenPipeError:
            said.append("the session is over")
        for line in self._out:
            if line.rstrip("\n") == _END:
                return "\n".join(said)
            said.append(line.rstrip("\n"))
        raise ProvinceError(f"{self.server.conninfo}: {' '.join(said)}", exit_code=ExitCode.UNREACHABLE)


def clock_offset_ms(server: Server) -> float:
    """How far the server's clock is from this machine's: the answer that came fastest, taken at half of its way."""
    found: list[tuple[float, float]] = []
    with Session(server) as session:
        session.ask("SELECT 1;")
        for _ in range(ASKED_TIMES):
            wall, began = datetime.now(UTC).timestamp(), time.monotonic()
            said = float(session.ask("SELECT extract(epoch FROM clock_timestamp());"))
            took = time.monotonic() - began
            found.append((took, 1000 * (said - wall - took / 2)))
    return round(min(found)[1], 1)
