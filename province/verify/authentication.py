"""How accounts prove who they are, as a host has it: passwords, their rules, and the modules that ask for them.

Formats: shadow(5), pam.conf(5), and the `key = value` files of /etc/security.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

SHADOW = "getent shadow"
PAM = 'cd /etc/pam.d && for one in *; do printf \'\\n==> %s\\n\' "$one"; cat "$one"; done'
RULES = "cat /etc/security/%s.conf /etc/security/%s.conf.d/*.conf 2>/dev/null || true"
"""A file of rules and its drop-ins, in the order in which libpwquality reads them: the later word counts."""

DEFAULTS = "grep -hE '^[A-Z_]+[[:space:]]' /etc/login.defs"


@dataclass(frozen=True)
class Password:
    """An account's line in the shadow database. Ages in days, -1 for none; `method` is the hash's, `y` is yescrypt."""

    name: str
    method: str
    usable: bool
    longest_days: int
    inactive_days: int


def parse_passwords(text: str) -> dict[str, Password]:
    """The output of `getent shadow`, by account."""
    return {one.name: one for one in map(_password, filter(None, text.splitlines()))}


def _password(line: str) -> Password:
    name, secret, _, _, longest, _, inactive, *_ = line.split(":")
    usable = not secret.startswith(("!", "*")) and secret != ""
    method = secret.split("$")[1] if secret.lstrip("!").startswith("$") and usable else ""
    return Password(name, method, usable, int(longest or -1), int(inactive or -1))


@dataclass(frozen=True)
class Step:
    """One line of a PAM stack: what it is for, what its answer means, which module with which arguments."""

    kind: str
    control: str
    module: str
    arguments: tuple[str, ...]


class Pam:
    """All services of a host's PAM configuration, with includes resolved."""

    def __init__(self, text: str) -> None:
        blocks = (block.partition("\n") for block in text.split("\n==> "))
        self._files = {name.strip().removeprefix("==> "): body for name, _, body in blocks}

    def stack(self, service: str, kind: str) -> tuple[Step, ...]:
        """The steps of one kind (`auth`, `account`, `password`, `session`) that a service goes through, in order."""
        return tuple(step for step in self._steps(service) if step.kind == kind)

    def modules(self, service: str, kind: str) -> list[str]:
        """The names of the modules of a stack, in order."""
        return [step.module for step in self.stack(service, kind)]

    def _steps(self, service: str) -> Iterator[Step]:
        for line in self._files[service].splitlines():
            plain = line.partition("#")[0].strip()
            if plain.startswith("@include"):
                yield from self._steps(plain.split()[1])
            elif plain:
                yield _step(plain)


def _step(line: str) -> Step:
    kind, rest = line.lstrip("-").split(maxsplit=1)
    if rest.startswith("["):
        control, _, rest = rest.partition("]")
        words = rest.split()
    else:
        control, *words = rest.split()
    return Step(kind, control.lstrip("["), words[0], tuple(words[1:]))


def parse_rules(text: str) -> dict[str, str]:
    """A file like pwquality.conf: values by key; a key alone is a switch that is on."""
    return dict(_pairs(text.splitlines(), "="))


def parse_defaults(text: str) -> Mapping[str, str]:
    """The output of `DEFAULTS`: values of login.defs by key."""
    return dict(_pairs(text.splitlines(), None))


def _pairs(lines: Iterable[str], separator: str | None) -> Iterator[tuple[str, str]]:
    for line in lines:
        plain = line.partition("#")[0].strip()
        if plain:
            key, *value = plain.split(separator, 1)
            yield key.strip(), value[0].strip() if value else "yes"
