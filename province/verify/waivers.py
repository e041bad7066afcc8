"""Waivers: leave not to meet a control on named hosts, with a reason, an owner and a last day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator

from province.fleet.documents import read_yaml
from province.fleet.fact import ControlId, Fact, NonBlank
from province.fleet.findings import BadData, Finding, from_validation
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host


class Waiver(Fact):
    """One permission: for a control or for one test, on hosts by name or class (`hosts: [all]` for every host).

    `test` is the name that the evidence has, with or without the part in brackets. A waiver holds up to and including
    the day `expires`; after it, the check fails again.
    """

    control: ControlId | None = None
    test: NonBlank | None = None
    hosts: tuple[NonBlank, ...] = Field(min_length=1)
    reason: NonBlank
    compensation: NonBlank
    owner: NonBlank
    expires: date

    @model_validator(mode="after")
    def _names_one_thing(self) -> Self:
        if (self.control is None) == (self.test is None):
            raise ValueError("a waiver names either a control or a test")
        return self

    def covers(self, host: Host, test: str, controls: Iterable[int]) -> bool:
        """Whether it is about this check on this host, whatever the day."""
        here = bool({"all", host.name, host.host_class} & set(self.hosts))
        named = self.test in {test, test.partition("[")[0]} if self.control is None else self.control in controls
        return here and named

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return today > self.expires


def read_waivers(path: Path, shown: str) -> tuple[Waiver, ...]:
    """The waivers of an environment; none when it has no file. Raises BadData with all findings."""
    if not path.exists():
        return ()
    body = read_yaml(path, shown) or []
    if not isinstance(body, list):
        raise BadData([Finding(shown, "", "", "must be a list of waivers", "begin each one with `- `")])
    waivers, findings = [], []
    for number, entry in enumerate(body):
        try:
            waivers.append(Waiver.model_validate(entry))
        except ValidationError as error:
            findings.extend(from_validation(shown, Waiver, error, f"{number}."))
    if findings:
        raise BadData(findings)
    return tuple(waivers)


def waivers_of(fleet: Fleet) -> tuple[Waiver, ...]:
    """The waivers of a fleet's environment, from its folder."""
    path = fleet.root / fleet.environment.id / "waivers.yml"
    return read_waivers(path, f"{fleet.root.name}/{fleet.environment.id}/{path.name}")


def find_waiver(waivers: Iterable[Waiver], host: Host, test: str, controls: Iterable[int]) -> Waiver | None:
    """The waiver for this check that holds longest, expired or not."""
    found = [waiver for waiver in waivers if waiver.covers(host, test, tuple(controls))]
    return max(found, key=lambda waiver: waiver.expires, default=None)
