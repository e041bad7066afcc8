"""Somebody who files documents all the time, and notes the number of each that the database acknowledged."""

from __future__ import annotations

import subprocess
import threading
import time

from province.migration.postgresql.server import Server

INSERT = "INSERT INTO documents (organisation, subject) VALUES ('CQ001', 'filed {number}') RETURNING 'ack ' || id;"


class Writer:
    """Writes to one side until it refuses, then to the other; each acknowledged number is kept, with its moment."""

    def __init__(self, *sides: Server) -> None:
        self.sides = sides
        self.acknowledged: list[tuple[int, float]] = []
        self.refusals: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    @property
    def numbers(self) -> list[int]:
        return [number for number, _ in self.acknowledged]

    def wait_for(self, more: int) -> None:
        """Until so many more documents are filed."""
        wanted, end = len(self.acknowledged) + more, time.monotonic() + 30
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < end, self.refusals[-3:]
            time.sleep(0.01)

    def _work(self) -> None:
        sessions = [_session(side) for side in self.sides]
        turn, number = 0, 0
        while not self._stop.is_set():
            number += 1
            said = _ask(sessions[turn], INSERT.format(number=number))
            if said.startswith("ack "):
                self.acknowledged.append((int(said.split()[1]), time.monotonic()))
                time.sleep(0.004)
            else:
                self.refusals.append(said)
                turn = (turn + 1) % len(sessions)
                time.sleep(0.01)
        for session in sessions:
            session.kill()
            session.wait()


def _session(side: Server) -> subprocess.Popen[str]:
    command = [*side.programs, "psql", "-XqAt", "-d", side.conninfo]
    return subprocess.Popen(command, stdin=-1, stdout=-1, stderr=subprocess.STDOUT, text=True, bufsize=1)


def _ask(session: subprocess.Popen[str], sql: str) -> str:
    """The first line that the server says."""
    assert session.stdin
    assert session.stdout
    session.stdin.write(f"{sql}\n\\echo end\n")
    session.stdin.flush()
    said = [line.rstrip("\n") for line in iter(session.stdout.readline, "end\n") if line]
    return said[0] if said else ""
