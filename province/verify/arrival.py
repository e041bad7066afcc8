"""Whether a line that a host has sent is at the log host, which takes a moment."""

from __future__ import annotations

from testinfra.host import Host as Connection

ARRIVES = "timeout %d bash -c 'grep -q -m 1 %s < <(tail --pid=$$ -n 2000 -F %s 2>/dev/null)'"


def arrived(log_host: Connection, text: str, file: str, seconds: int = 20) -> bool:
    """Wait until a line of a file at the log host has a text of plain letters, no longer than so many seconds."""
    return bool(log_host.run(ARRIVES % (seconds, text, file)).rc == 0)
