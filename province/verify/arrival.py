"""Whether what hosts have told is at their log host, which takes a moment."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from testinfra.host import Host as Connection

FOLDER = "/var/log/hosts"
LINES = 2000
"""How far back a mark is looked for: it was made during this run."""
ARRIVES = "timeout %d bash -c 'grep -q -m 1 -- \"%s\" < <(tail --pid=$$ -n %d -F %s 2>/dev/null)'"
MARKS = "tail --verbose --lines %d %s/*/%s 2>/dev/null | grep -oE '^==> .*|%s'"
HEADER = re.compile(r"^==> .*/([^/]+)/[^/]+ <==$")


def arrived(log_host: Connection, text: str, file: str, seconds: int = 20) -> bool:
    """Wait until a line of a file at the log host has a text without quotes, no longer than so many seconds."""
    return bool(log_host.run(ARRIVES % (seconds, text, LINES, file)).rc == 0)


class Arrivals:
    """The marks that hosts have put into what they send, as far as a log host has them.

    A log host is asked once for the marks of all its hosts; one that was under way then is waited for by itself.
    """

    def __init__(self, connect: Callable[[str], Connection]) -> None:
        self._connect = connect
        self._marks: dict[tuple[str, str, str], Mapping[str, frozenset[str]]] = {}

    def has(self, log_host: str, host: str, mark: str, *, file: str, pattern: str) -> bool:
        """Whether a host's mark, one of those that look like `pattern`, is in its file at the log host or comes."""
        asked = (log_host, file, pattern)
        if asked not in self._marks:
            text = self._connect(log_host).run(MARKS % (LINES, FOLDER, file, pattern)).stdout
            self._marks[asked] = parse_marks(text)
        known = self._marks[asked].get(host, frozenset())
        return mark in known or arrived(self._connect(log_host), mark, f"{FOLDER}/{host}/{file}")


def parse_marks(text: str) -> dict[str, frozenset[str]]:
    """The answer to `MARKS`: what matched, by the host whose file it is in."""
    found: dict[str, set[str]] = {}
    here: set[str] = set()
    for line in text.splitlines():
        if header := HEADER.match(line):
            here = found.setdefault(header[1], set())
        else:
            here.add(line)
    return {host: frozenset(marks) for host, marks in found.items()}
