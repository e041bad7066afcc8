"""Declare days on which nothing may be changed, or nothing moved, and end them; what that blocks is said first."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.calendar import LOCAL, Freeze, FreezeKind, Weekday, Window, check_freezes, windows_of
from province.fleet.documents import read_yaml
from province.fleet.findings import BadData, from_validation
from province.fleet.fleet import Fleet
from province.fleet.freeze_rows import FREEZES, lifted, with_row
from province.fleet.hosts import Host
from province.fleet.migration import Phase
from province.manifest.trust import register_of
from province.ops.actions.action import Action, Scene
from province.ops.enrol import write_register
from province.pki.certificate import read

MOVED = (Phase.CUT_OVER, Phase.SOAKING, Phase.RETIRED)
"""Phases of a wave that no freeze keeps from anything: it is over there."""
NAMED = 6
DECLARE = " ".join(
    (
        "province op freeze-change election-2027 -e production --since 2027-03-12 --until 2027-03-16",
        '--kind change --kind cut-over --vi "Bầu cử" --en Election --owner provincial-office',
    )
)


class OfFreeze(Action):
    """What both verbs do: change the register of freezes. No host is asked; every run reads the register by itself."""

    urgent: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """The id of the freeze."""
        return self.arguments["id"]

    def places(self, fleet: Fleet, targets: Sequence[Host]) -> tuple[Host, ...]:  # noqa: ARG002 - it is about days
        """No host; whether the register can be changed so is seen now. Raises BadData or ProvinceError if it cannot."""
        self.changed(fleet)
        return ()

    def prepare(self, scene: Scene) -> None:
        """Write the register in one step."""
        path, text = _file(scene.fleet), self.changed(scene.fleet)
        if text != path.read_text(encoding="utf-8"):
            write_register({path: text})

    @abstractmethod
    def changed(self, fleet: Fleet) -> str:
        """The whole register as it is afterwards. Raises BadData or ProvinceError for what it cannot say."""

    def pre(self, scene: Scene, host: Host) -> str:  # noqa: ARG002 - there are no hosts
        """Nothing is done to hosts."""
        return ""

    def act(self, scene: Scene, host: Host) -> str:  # noqa: ARG002 - there are no hosts
        """Nothing is done to hosts."""
        return ""

    def unhealthy(self, scene: Scene, host: Host) -> str:  # noqa: ARG002 - there are no hosts
        """Nothing is done to hosts."""
        return ""


class FreezeChange(OfFreeze):
    """Declare days on which hosts are not changed, systems not moved, or neither; both days included.

    When: the owner of a business names its dates: the review of Project 06, an election, Tết, the closing of accounts.
    Without `--go` it says what the days block: windows that fall away and the first one after, waves of the move that
    cannot be cut over, certificates of hosts that end before somebody may renew them.

    Blast radius: no host. From the first of its days every roll-out, action and cut-over of its kinds is refused, in
    every environment that keeps the calendar; a run under way goes on, a resumed one is asked. What is urgent
    (`revoke-node`, `fence-site`) waits for no freeze, and `--emergency` with a ticket goes over it.

    Way back: `province op unfreeze-change`. Commit `inventories/fleet/registers/freezes.yml` both times: until it is
    merged, other controllers do not know of it.
    """

    verb: ClassVar[str] = "freeze-change"
    commands: ClassVar[tuple[str, ...]] = (
        DECLARE,
        f'{DECLARE} --verified --reason "polling day and the days around it" --go',
        "province calendar -e production",
    )

    def row(self, fleet: Fleet) -> Freeze:
        """The row that is declared. Raises BadData with every problem of it."""
        told = self.arguments
        body = {
            "id": self.name,
            "name": {"vi": told["vi"], "en": told["en"]},
            "kinds": told["kinds"].split(),
            "since": told["since"],
            "until": told["until"],
            "reason": told["reason"] or told["en"],
            "owner": told["owner"],
            "source": told["source"],
            "verified": told["verified"] == "yes",
        }
        try:
            row = Freeze.model_validate(body)
        except ValidationError as error:
            raise BadData(from_validation(FREEZES, Freeze, error, f"rows.{self.name}.")) from None
        if found := list(check_freezes([row], fleet.owners, {"registers/freezes": FREEZES})):
            raise BadData(found)
        if row.source not in fleet.sources:
            raise ProvinceError(
                f"{row.source!r} is no source", hint=f"known: {', '.join(fleet.sources)}", exit_code=ExitCode.BAD_DATA
            )
        return row

    def changed(self, fleet: Fleet) -> str:
        """One row more; as it is where the same days stand there already."""
        row, text = self.row(fleet), _file(fleet).read_text(encoding="utf-8")
        there = next((one for one in _rows(fleet) if one.id == row.id), None)
        if there is None:
            return with_row(text, row)
        if (there.since, there.until, there.kinds) == (row.since, row.until, row.kinds):
            return text
        raise ProvinceError(
            f"{there} is there already",
            hint="give this one another id, or end that one: province op unfreeze-change",
            exit_code=ExitCode.USAGE,
        )

    def about(self, fleet: Fleet) -> tuple[str, ...]:
        """What the days block."""
        row = self.row(fleet)
        days = (row.until - row.since).days + 1
        return (f"{row}: {days} days without {' and '.join(row.kinds)}", *blocked(fleet, row))


class UnfreezeChange(OfFreeze):
    """End a freeze before its last day: from today on it no longer holds.

    When: what it was for is over, or was put off, and its owner says so.

    Blast radius: no host by itself; roll-outs, actions and cut-overs may go on in the next window. A freeze that had
    not begun before today is taken out, another one keeps the days that it held.

    Way back: `province op freeze-change` with another id. Commit `inventories/fleet/registers/freezes.yml`.
    """

    verb: ClassVar[str] = "unfreeze-change"
    commands: ClassVar[tuple[str, ...]] = (
        "province op unfreeze-change ID -e production",
        'province op unfreeze-change ID -e production --reason "the session was put off" --go',
    )

    def changed(self, fleet: Fleet) -> str:
        """The register in which it ends yesterday, or without it."""
        rows, text = _rows(fleet), _file(fleet).read_text(encoding="utf-8")
        row = next((one for one in rows if one.id == self.name), None)
        if row is None:
            if self.name in {one.id for one in fleet.registers.freezes.rows}:
                return text  # a run begun anew after it was taken out
            known = ", ".join(one.id for one in rows) or "none"
            raise ProvinceError(
                f"{self.name!r} is no freeze", hint=f"known: {known}", exit_code=ExitCode.NOTHING_SELECTED
            )
        today = dt.datetime.now(dt.UTC).astimezone(LOCAL).date()
        return text if row.until < today else lifted(text, row, today)

    def about(self, fleet: Fleet) -> tuple[str, ...]:
        """Which days are free again."""
        row = next((one for one in _rows(fleet) if one.id == self.name), None)
        today = dt.datetime.now(dt.UTC).astimezone(LOCAL).date()
        if row is None or row.until < today:
            return (f"{self.name} holds no more",)
        return (f"{row}: free again from {max(today, row.since)} to {row.until} for {' and '.join(row.kinds)}",)


def blocked(fleet: Fleet, row: Freeze) -> Iterator[str]:
    """What cannot be done because of a freeze, a line each."""
    if FreezeKind.CHANGE in row.kinds:
        yield from _windows(fleet, row)
        yield from _certificates(fleet, row)
    if FreezeKind.CUT_OVER in row.kinds and fleet.migration:
        waves = [wave for wave in fleet.migration.waves.values() if wave.phase not in MOVED]
        for wave in waves:
            fall = sum(len(_days(window, row.since, row.until)) for window in wave.windows)
            if fall:
                yield f"wave {wave.id} ({wave.phase}) cannot be cut over: {fall} of its windows fall into these days"


def _windows(fleet: Fleet, row: Freeze) -> Iterator[str]:
    """Windows of hosts that fall away, and the first after; hosts of one place have the same."""
    places: dict[str, tuple[int, tuple[Window, ...]]] = {}
    for host in fleet.hosts.values():
        place = host.site or "nodes of communes"
        places[place] = (places.get(place, (0, ()))[0] + 1, windows_of(fleet, host))
    for place, (hosts, windows) in places.items():
        if not windows:
            yield f"{place}: {hosts} hosts, which may be changed at any time, are not"
            continue
        fall = sum(len(_days(window, row.since, row.until)) for window in windows)
        after = min(
            (day, window.begins)
            for window in windows
            for day in _days(window, row.until + dt.timedelta(days=1), row.until + dt.timedelta(days=7))
        )
        yield f"{place}: {hosts} hosts lose {fall} windows; the first after it is {after[0]} {after[1]}"


def _days(window: Window, first: dt.date, last: dt.date) -> list[dt.date]:
    """The days from first to last on which a window opens."""
    span = [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]
    return [day for day in span if list(Weekday)[day.weekday()] in window.days]


def _certificates(fleet: Fleet, row: Freeze) -> Iterator[str]:
    """Hosts whose certificate ends while nobody may renew it."""
    ends = {
        name: read(pem).ends.astimezone(LOCAL).date() for name, pem in register_of(fleet).enrolled.certificates.items()
    }
    late = sorted(name for name, day in ends.items() if name in fleet.hosts and row.since <= day <= row.until)
    if late:
        more = f" and {len(late) - NAMED} more" if len(late) > NAMED else ""
        yield f"{len(late)} certificates end in these days; renew them before: {' '.join(late[:NAMED])}{more}"


def _file(fleet: Fleet) -> Path:
    return fleet.root / "fleet" / FREEZES


def _rows(fleet: Fleet) -> tuple[Freeze, ...]:
    """The register as it is on disk by now."""
    return tuple(Freeze.model_validate(one) for one in read_yaml(_file(fleet), FREEZES)["rows"])
