"""What a check looked at, as evidence keeps it: both sides of its comparisons, and the commands that were answered.

pytest computes the two sides of every `assert` of a test module, passed ones included, when the option
`enable_assertion_pass_hook` is set (pyproject.toml); without it only failed comparisons have values. Facts are read by
fixtures that live as long as a host's tests run, so a check's commands are its own and those of its fixtures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

CHARACTERS = 400
"""How much of a value is kept; a longer one is cut, and its digest says whether it was the same."""

ITSELF = "the test itself"


@dataclass(frozen=True)
class Looked:
    """What one check compared: a line for each comparison, and the digest of the commands behind it."""

    seen: str
    expected: str
    commands: str | None


class Observer:
    """Hears of commands, fixtures and comparisons while checks run, one check at a time."""

    def __init__(self) -> None:
        self._commands: dict[str, dict[str, None]] = {}
        self._under_way = [ITSELF]
        self._compared: tuple[str, str] | None = None
        self._pairs: list[tuple[str, str]] = []

    def begin(self) -> None:
        """A check begins: nothing of its own has been seen."""
        self._commands[ITSELF] = {}
        self._compared = None
        self._pairs = []

    @contextmanager
    def fixture(self, name: str) -> Iterator[None]:
        """Commands until the end belong to this fixture, and replace those of its last value."""
        self._commands[name] = {}
        self._under_way.append(name)
        try:
            yield
        finally:
            self._under_way.pop()

    def command(self, text: str) -> None:
        """A command was sent to the host."""
        self._commands.setdefault(self._under_way[-1], {})[text] = None

    def compared(self, operator: str, left: object, right: object) -> None:
        """A comparison was evaluated; what becomes of it is heard next, or it failed."""
        self._compared = (shown(left), shown(right) if operator == "==" else f"{operator} {shown(right)}")

    def passed(self, source: str, explained: str) -> None:
        """An assertion held; one that compares nothing is kept as its text and what that came to."""
        self._pairs.append(self._compared or (shortened_value(explained.partition("\n")[0]), source))
        self._compared = None

    def looked(self, fixtures: Iterable[str]) -> Looked:
        """Everything about the check that is over, which used these fixtures."""
        pairs = [*self._pairs, *([self._compared] if self._compared else [])]
        commands = {text for name in (*fixtures, ITSELF) for text in self._commands.get(name, ())}
        digest = sha256("\n".join(sorted(commands)).encode()).hexdigest() if commands else None
        return Looked("\n".join(seen for seen, _ in pairs), "\n".join(wanted for _, wanted in pairs), digest)

    def watched(self, connection: Any) -> Any:
        """A testinfra host whose commands are heard of; every module of testinfra reaches a host by `run` alone."""
        backend = connection.backend
        if not hasattr(backend, "unwatched_run"):
            backend.unwatched_run = backend.run

            def run(command: str, *args: str, **options: Any) -> Any:
                self.command(" ".join((command, *args)))
                return backend.unwatched_run(command, *args, **options)

            backend.run = run
        return connection


def shown(value: object) -> str:
    """A value as one line; sets in order, so that the same value always reads the same."""
    if isinstance(value, str):
        return shortened_value(value)
    if isinstance(value, (set, frozenset)):
        return shortened_value("{" + ", ".join(sorted(map(str, value))) + "}")
    if isinstance(value, dict):
        return shortened_value("{" + ", ".join(sorted(f"{key}: {shown(one)}" for key, one in value.items())) + "}")
    return shortened_value(repr(value))


def shortened_value(text: str) -> str:
    """Blanks and line feeds folded; what is too long is cut and told apart by its length and digest."""
    line = " ".join(text.split())
    if len(line) <= CHARACTERS:
        return line
    return f"{line[:CHARACTERS]} … ({len(line)} characters, sha256 {sha256(line.encode()).hexdigest()[:16]})"
