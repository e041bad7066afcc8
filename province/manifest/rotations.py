"""Rotations of authorities: where one stands, and which step may be done next without locking anybody out.

Every step keeps two rules. Nobody signs by an authority that somebody does not accept yet; nobody ceases to accept one
by which somebody still shows a certificate. Where a rotation stands is not remembered but read: from the file of the
authority among the trust anchors (all that stand in it are accepted, the first one signs), and from the hosts.

`trust/rotations.yml` names the old and the new one, because their files do not say which is which. Retired authorities
stay in it, so that what they signed in their time can be checked later. `province op rotate` writes it, Git keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter

from province.fleet.fact import Fact, NonBlank
from province.fleet.findings import BadData, Finding
from province.manifest.written_register import read_rows, written_rows
from province.pki import anchors

ROTATIONS = "rotations.yml"
MEND = "bring it back from Git; `province op rotate` writes it"


class Kind(StrEnum):
    """The authorities that rotate; the value is what the command and the register call them."""

    USER_CA = "ssh-user-ca"
    HOST_CA = "ssh-host-ca"
    SERVICE_CA = "service-ca"

    @property
    def file(self) -> str:
        """Its file among the trust anchors."""
        return f"{self}.pem" if self is Kind.SERVICE_CA else f"{self}.pub"


class Phase(StrEnum):
    """Where a rotation stands, in the order of its steps."""

    OLD_ONLY = "old-only"
    BOTH = "both"
    NEW_SIGNS = "new-signs"
    NEW_ONLY = "new-only"

    @property
    def step(self) -> int:
        """Its number."""
        return list(Phase).index(self)


class Rotation(Fact):
    """One rotation: the old and the new authority as their file holds them, since when, by whom and why.

    `signs` is when the new one began to sign; `ended` when one of both was let go, and which one the file tells.
    """

    kind: Kind
    old: NonBlank
    new: NonBlank
    since: datetime
    who: NonBlank
    reason: NonBlank
    signs: datetime | None = None
    ended: datetime | None = None

    @property
    def named(self) -> dict[str, str]:
        """Fingerprint → `old` or `new`."""
        return {anchors.fingerprint(self.old): "old", anchors.fingerprint(self.new): "new"}

    def accepted(self, phase: Phase) -> tuple[str, ...]:
        """What the file holds in a phase: all of it is accepted, the first one signs."""
        return {
            Phase.OLD_ONLY: (self.old,),
            Phase.BOTH: (self.old, self.new),
            Phase.NEW_SIGNS: (self.new, self.old),
            Phase.NEW_ONLY: (self.new,),
        }[phase]


@dataclass(frozen=True)
class Report:
    """What a host says: fingerprints of the authorities that it accepts, and of those by which certificates are shown.

    `shows` has whose certificate it is (the host's own, or a person's who came in) → by which authority.
    """

    accepts: frozenset[str]
    shows: Mapping[str, str]


_ROWS = TypeAdapter(tuple[Rotation, ...])


def load_rotations(trust: Path) -> tuple[Rotation, ...]:
    """Every rotation, the oldest first; BadData that names the file and the key."""
    return read_rows(_ROWS, trust / ROTATIONS, MEND)


def rotations_text(rows: Iterable[Rotation]) -> str:
    """The content of the register."""
    return written_rows(rows, "Authorities that followed each other; written by `province op rotate`.")


def newest(rows: Sequence[Rotation], kind: Kind) -> Rotation | None:
    """The rotation of an authority that is under way, else the last one that was."""
    return next((row for row in reversed(rows) if row.kind == kind), None)


def phase_of(row: Rotation | None, held: Sequence[str]) -> Phase:
    """Where the rotation stands by what the authority's file holds; before the first one, at its beginning.

    Raises BadData when the file holds what no step of it writes.
    """
    if row is None:
        return Phase.OLD_ONLY
    found = [anchors.fingerprint(one) for one in held]
    for phase in Phase:
        if found == [anchors.fingerprint(one) for one in row.accepted(phase)]:
            return phase
    problem = "holds other authorities than its rotation, or in another order"
    raise BadData([Finding(f"trust/{row.kind.file}", "", " ".join(found), problem, MEND)])


def skipped(now: Phase, wanted: Phase, *, ended: bool) -> str:
    """Why a step may not be done from where the rotation stands; empty when it is the next one, this one, or one back.

    One that has ended is gone through again from its end, or followed by the next one.
    """
    if ended:
        allowed = {now, Phase.BOTH}
    elif now is Phase.NEW_ONLY:
        allowed = {now}  # the run that let the old one go was killed before it wrote that down
    else:
        allowed = {one for one in Phase if abs(one.step - now.step) <= 1}
    if wanted in allowed:
        return ""
    return f"it stands at {now}: from there {' or '.join(one for one in Phase if one in allowed)} can be reached"


def asks_everybody(now: Phase, wanted: Phase) -> bool:
    """Whether a step must not be done while a host does not answer: the new one signs, or one of both is let go.

    To accept both, and to go back to the old one's signing while all accept it, locks nobody out.
    """
    return wanted not in (now, Phase.BOTH)


def behind(row: Rotation, now: Phase, wanted: Phase, report: Report) -> list[str]:
    """Why a host keeps a step from being done: who would be locked out."""
    if not asks_everybody(now, wanted):
        return []
    names = row.named
    signer, kept = row.accepted(wanted)[0], {anchors.fingerprint(one) for one in row.accepted(wanted)}
    found = []
    if (sign := anchors.fingerprint(signer)) not in report.accepts:
        found.append(f"does not accept the {names[sign]} authority {sign} yet")
    for whose, by in sorted(report.shows.items()):
        if len(kept) == 1 and by not in kept:
            found.append(f"{whose} is still by {'the ' + names[by] if by in names else 'another'} authority {by}")
    return found


def retired(rows: Sequence[Rotation], kind: Kind, held: Sequence[str]) -> dict[str, datetime]:
    """Authorities that are accepted no more → until when what they signed counts."""
    kept = {anchors.fingerprint(one) for one in held}
    return {
        anchor: row.ended
        for row in rows
        if row.kind == kind and row.ended
        for anchor in (row.old, row.new)
        if anchors.fingerprint(anchor) not in kept
    }
