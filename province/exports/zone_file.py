"""The text of zone files (RFC 1035, 5), and numbers that grow when, and only when, something else in them changed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

TTL = 300
"""Seconds; as the resolvers say it."""
REFRESH = "3600 900 604800 60"
"""Seconds: refresh, retry, expire, and how long a name's absence is remembered; as the resolvers say it."""

LONGEST = 255
SERIAL = re.compile(r"( IN SOA \S+ \S+ )(\d+) ")
Record = tuple[str, str, str]
"""Full name without the dot at its end, type, data."""


def zone_file(zone: str, comment: str, servers: Iterable[str], domain: str, records: Iterable[Record]) -> str:
    """A zone under number 0: who answers for it, the first of them its origin, then its records, each once.

    `domain` is that of its hostmaster.
    """
    first, *others = servers
    lines = [
        f"; {comment}",
        f"$ORIGIN {zone}.",
        f"$TTL {TTL}",
        f"@ IN SOA {first}. hostmaster.{domain}. 0 {REFRESH}",
        *(f"@ IN NS {server}." for server in (first, *others)),
        *(f"{_within(name, zone)} IN {kind} {data}" for name, kind, data in dict.fromkeys(records)),
    ]
    return "\n".join(lines) + "\n"


def numbered(text: str, before: str | None, today: date) -> str:
    """The zone under the number it had `before` if nothing else changed, else under a larger one.

    A number is a date and two digits (RFC 1912, 2.2).
    """
    first = int(f"{today:%Y%m%d}00")
    found = SERIAL.search(before or "")
    if before is None or found is None:
        return _with_serial(text, first)
    same = _with_serial(text, int(found[2]))
    return same if same == before else _with_serial(text, max(first, int(found[2]) + 1))


def text_record(text: str) -> str:
    """The data of a TXT record: strings of at most 255 bytes (RFC 1035, 3.3.14), which readers join."""
    return " ".join(f'"{text[place : place + LONGEST]}"' for place in range(0, len(text), LONGEST))


def _within(name: str, zone: str) -> str:
    return "@" if name == zone else name.removesuffix(f".{zone}")


def _with_serial(text: str, serial: int) -> str:
    return SERIAL.sub(rf"\g<1>{serial} ", text, count=1)
