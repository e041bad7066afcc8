"""What somebody reports, made into entries: every problem of one report is told at once, and nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from province.fleet.fact import Fact
from province.fleet.findings import BadData, Finding, from_validation, nearest
from province.fleet.fleet import Fleet
from province.incident.clock import parse, shown
from province.incident.entry import Closed, Gravity, Layer, Noted, Notice, Opened, Sent
from province.incident.incident import Incident

NAMES = ("--hosts", "--systems", "--communes")
"""Fields whose names are looked up in the model, which says more than that their form is wrong."""

EntryT = TypeVar("EntryT", bound=Fact)


@dataclass(frozen=True)
class Claim:
    """An incident as it was typed in; `detected` is ISO 8601, local where it has no offset."""

    gravity: Gravity
    layer: Layer
    what: str
    hosts: tuple[str, ...]
    systems: tuple[str, ...]
    communes: tuple[str, ...]
    detected: str
    reporter: str
    reason: str


def opened(fleet: Fleet, claim: Claim, id_: str, *, by: str, now: datetime) -> Opened:
    """The opening of an incident. BadData with everything that is wrong with the claim, against the model."""
    where = "province incident open"
    detected, found = _moment(where, "--detected", claim.detected, now)
    hosts = {host.name for host in fleet.nodes} | set(fleet.hosts)
    found += _unknown(where, "--host", claim.hosts, hosts, "host")
    found += _unknown(where, "--system", claim.systems, {*fleet.systems, *fleet.platform}, "system")
    found += _unknown(where, "--commune", claim.communes, fleet.communes, "commune (five digits)")
    body = vars(claim) | {
        "incident": id_,
        "environment": fleet.environment.id,
        "time": now,
        "by": by,
        "detected": detected or now,
    }
    return _made(where, Opened, body, found)


def noted(text: str, *, by: str, now: datetime, public: bool, gravity: Gravity | None) -> Noted:
    """A line of the timeline. BadData for text that cannot stand there."""
    body = {"time": now, "by": by, "text": text, "public": public, "gravity": gravity}
    return _made("province incident note", Noted, body, [])


def closed(cause: str, remedy: str, *, by: str, now: datetime) -> Closed:
    """The end of an incident. BadData for a cause or remedy that is not there, or that goes to nobody."""
    return _made("province incident close", Closed, {"time": now, "by": by, "cause": cause, "remedy": remedy}, [])


def sent(incident: Incident, notice: Notice, at: str, reference: str, *, by: str, now: datetime) -> Sent:
    """That a report was sent. BadData for a time before the detection or after now."""
    where = "province incident notice"
    when, found = _moment(where, "--sent", at, now)
    if when and when < incident.opened.detected:
        mend = f"it was detected at {shown(incident.opened.detected)}"
        found.append(Finding(where, "--sent", at, "is before the detection", mend))
    body = {"time": now, "by": by, "notice": notice, "sent": when or now, "reference": reference}
    return _made(where, Sent, body, found)


def _made(where: str, model: type[EntryT], body: Mapping[str, object], found: list[Finding]) -> EntryT:
    """The entry, unless something was found before or is found now."""
    try:
        made = model.model_validate(body)
    except ValidationError as error:
        wrong = from_validation(where, model, error, prefix="--")
        told = [replace(one, key=one.key.removesuffix("--")) for one in wrong if not one.key.startswith(NAMES)]
        raise BadData([*found, *told]) from None
    if found:
        raise BadData(found)
    return made


def _moment(where: str, key: str, text: str, now: datetime) -> tuple[datetime | None, list[Finding]]:
    """A time that was typed, and what is wrong with it."""
    try:
        when = parse(text)
    except (ValueError, OverflowError):
        return None, [Finding(where, key, text, "is no time", "write it as 2026-11-26T07:30, local, or with an offset")]
    if when > now:
        return None, [Finding(where, key, text, "lies in the future", f"it is {shown(now)} now")]
    return when, []


def _unknown(where: str, key: str, names: Iterable[str], known: Collection[str], what: str) -> list[Finding]:
    found = []
    for name in names:
        if name not in known:
            guess = nearest(name, known)
            mend = f'did you mean "{guess}"?' if guess else "name one that `province show` knows"
            found.append(Finding(where, key, name, f"no such {what}", mend))
    return found
