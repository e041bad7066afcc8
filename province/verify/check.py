"""What a test is about: one check on one host."""

from __future__ import annotations

from dataclasses import dataclass

from province.fleet.hosts import Host


@dataclass(frozen=True)
class Check:
    """One test on one host, as the evidence names it."""

    host: Host
    test: str
    title: str
    subject: str
    controls: tuple[int, ...]


@dataclass(frozen=True)
class Target:
    """A host that checks are made on; `live`: a second time, past what was gathered."""

    host: Host
    live: bool = False
