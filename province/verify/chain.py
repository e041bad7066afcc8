"""Lines that hold each other: each one ends with a hash over itself and the hash before it.

A line is a JSON object whose last key is `chain`: SHA-256, in hex, over the hash of the line before (nothing for the
first line) followed by the object without that key. So a byte that was changed, a line that was moved or taken out
shows at one line, and whoever changes one has to write all that follow anew. A line that is signed by itself has
`signature` after `chain`; the signature is over the hash, and no hash is over it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

_END = re.compile(rb',"chain":"(?P<chain>[0-9a-f]{64})"(,"signature":"(?P<signature>[^"]*)")?\}$')


@dataclass(frozen=True)
class Break:
    """Where lines stop to follow from each other: the number of the line, from 1, and what is wrong there."""

    line: int
    what: str


@dataclass(frozen=True)
class Chain:
    """The end of a row of lines: how many there are, the last hash, and the first break if there is one."""

    lines: int
    head: str
    broken: Break | None


def link(previous: str, body: str) -> str:
    """The hash of a line from the one before it; `body` is the JSON object without `chain`."""
    return sha256(previous.encode() + body.encode()).hexdigest()


def chained(body: str, chain: str, signature: str | None = None) -> bytes:
    """The line as it is written, with its line feed."""
    signed = "" if signature is None else f',"signature":{json.dumps(signature)}'
    return f'{body[:-1]},"chain":"{chain}"{signed}}}\n'.encode()


def body_of(line: str) -> str:
    """The JSON object of a line without its hash and signature; the line itself where it has none."""
    end = _END.search(line.encode())
    return line if end is None else line.encode()[: end.start()].decode() + "}"


def ends_of(line: str) -> tuple[str, str]:
    """The hash and the signature at the end of a line, each empty where there is none."""
    end = _END.search(line.encode())
    if end is None:
        return "", ""
    signature = json.loads(f'"{(end["signature"] or b"").decode()}"')
    return end["chain"].decode(), str(signature)


def follow(lines: Iterable[bytes]) -> Chain:
    """Walk over lines, each with its line feed, up to the first that does not follow from the one before it."""
    head, number = "", 0
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):
            return Chain(number, head, Break(number, "the line is cut off"))
        end = _END.search(line, max(0, len(line) - 4096), len(line) - 1)
        if end is None:
            return Chain(number, head, Break(number, "the line has no hash at its end"))
        hashed = sha256(head.encode() + line[: end.start()] + b"}").hexdigest()
        if hashed != end["chain"].decode():
            what = "the line does not follow from the one before it: it was changed, or lines were removed or moved"
            return Chain(number, head, Break(number, what))
        head = hashed
    return Chain(number, head, None)
