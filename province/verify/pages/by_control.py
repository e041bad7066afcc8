"""Controls: on how many hosts each holds, who fails it, and what each clause of the standard comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from province.fleet.control import HOST_CLASSES, AppliesTo, Control
from province.fleet.hosts import Host
from province.fleet.work_record import WorkRecord
from province.verify.evidence import Record
from province.verify.outcome import Outcome
from province.verify.pages.table import Cell, Page, Table, badge, heading
from province.verify.pages.view import SYMBOLS, Report
from province.verify.standing import State


@dataclass(frozen=True)
class OnHost:
    """One control on one host: its state, and the checks that say so, the worst first."""

    host: Host
    state: State
    records: tuple[Record, ...]


@dataclass(frozen=True)
class OfWork:
    """One kind of work that a control asks for, and what its last record says today."""

    row: WorkRecord
    state: State


def state_of_work(row: WorkRecord, folder: Path, today: date) -> State:
    """What a record says: its file must be the one that was named, the work done well, and not too long ago."""
    done = row.done
    if done is None:
        return State.NO_EVIDENCE
    path = folder / done.kept_in
    if not path.is_file() or sha256(path.read_bytes()).hexdigest() != done.sha256 or not done.passed:
        return State.FAIL
    return State.PASS if today - done.on <= timedelta(days=row.every_days) else State.STALE


@dataclass(frozen=True)
class Standing:
    """One control on every host of the environment that it applies to."""

    control: Control
    on_hosts: tuple[OnHost, ...]
    records: tuple[OfWork, ...] = ()

    @property
    def counts(self) -> Counter[str]:
        """Hosts by state."""
        return Counter(one.state for one in self.on_hosts)

    @property
    def state(self) -> State:
        """The worst state of a host or a record; a control that nothing tells about has no evidence."""
        order = list(SYMBOLS)
        states = [*(one.state for one in self.on_hosts), *(one.state for one in self.records)]
        return min(states, key=order.index, default=State.NO_EVIDENCE)

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """Where else it applies, which neither hosts nor records tell: the cluster's objects."""
        planes = any(one.host.host_class == AppliesTo.CONTROL_PLANE.value for one in self.on_hosts)
        told = {
            *HOST_CLASSES,
            *([AppliesTo.PROCESS] if self.records else []),
            *([AppliesTo.CLUSTER] if planes and AppliesTo.CONTROL_PLANE not in self.control.applies_to else []),
        }
        return tuple(str(one) for one in self.control.applies_to if one not in told)


class Controls:
    """All controls of the model by the evidence of a report."""

    def __init__(self, report: Report) -> None:
        self.report = report

    @cached_property
    def standings(self) -> Mapping[int, Standing]:
        """Each control on its hosts."""
        return {number: self._standing(control) for number, control in self.report.fleet.controls.items()}

    def _standing(self, control: Control) -> Standing:
        hosts = [host for host in self.report.fleet.hosts.values() if self._is_told_by(host, control)]
        folder, today = self.report.fleet.root.parent, self.report.made.date()
        work = [row for row in self.report.fleet.registers.work_records.rows if row.control == control.id]
        return Standing(
            control,
            tuple(self._on_host(host, control.id) for host in hosts),
            tuple(OfWork(row, state_of_work(row, folder, today)) for row in work),
        )

    def _is_told_by(self, host: Host, control: Control) -> bool:
        """Whether the control applies to a host; control planes also tell of their clusters, once one was asked."""
        asked = control.told_by if control.id in self._asked_of_clusters else control.applies_to
        return host.host_class in asked

    @cached_property
    def _asked_of_clusters(self) -> frozenset[int]:
        """The controls that some control plane was asked about."""
        hosts = (host for host in self.report.fleet.hosts.values() if host.host_class == AppliesTo.CONTROL_PLANE.value)
        records = (record for host in hosts for record in self.report.records.get(host.name, {}).values())
        return frozenset(number for record in records for number in record.controls)

    def _on_host(self, host: Host, number: int) -> OnHost:
        order = list(Outcome)
        found = [one for one in self.report.records.get(host.name, {}).values() if number in one.controls]
        found.sort(key=lambda one: order.index(one.outcome))
        return OnHost(host, self.report.state(host, found), tuple(found))

    def pages(self) -> Iterable[Page]:
        """The list of controls, a page for each, and the annex to the dossier of the level."""
        yield self._list()
        for number in self.standings:
            yield self._page(number)
        yield self._annex()

    def _list(self) -> Page:
        words = self.report.words
        rows = tuple(
            (
                Cell(str(number)),
                heading(self._name(one.control), href=f"controls/{number}.html"),
                Cell(one.control.tcvn_11930),
                badge(one.state),
                *self._numbers(one),
                Cell(self._elsewhere(one)),
            )
            for number, one in self.standings.items()
        )
        columns = (
            words["number"],
            words["control"],
            "TCVN 11930",
            words["state"],
            *self._number_words(),
            words["elsewhere"],
        )
        return Page(
            path="controls.html",
            title=words["controls_title"],
            lang=self.report.lang,
            notes=(words["control_note"],),
            tables=(Table(words["controls_title"], columns, rows),),
        )

    def _page(self, number: int) -> Page:
        words, one = self.report.words, self.standings[number]
        control = one.control
        facts = {
            words["applies_to"]: ", ".join(
                words["applies"].get(str(place), str(place)) for place in control.applies_to
            ),
            words["verified_by"]: control.verified_by,
            "TCVN 11930:2017": control.tcvn_11930,
            "TCVN 14423:2026": ", ".join(control.tcvn_14423) or words["none"],
            "CIS Debian 13": ", ".join(control.cis_debian_13) or words["none"],
        }
        order = list(SYMBOLS)
        rows = tuple(
            (
                badge(on_host.state),
                heading(on_host.host.name, href=f"../hosts/{on_host.host.name}.html"),
                Cell(self.report.place(on_host.host), lang="vi"),
                Cell(record.test if record else "", code=True),
                Cell(_looked(record) if record else "", code=True),
            )
            for on_host in sorted(one.on_hosts, key=lambda on_host: order.index(on_host.state))
            for record in (on_host.records[:1] or (None,))
        )
        columns = (words["state"], words["host"], words["place"], words["check"], words["seen"])
        return Page(
            path=f"controls/{number}.html",
            title=f"{number}. {self._name(control)}",
            lang=self.report.lang,
            state=one.state,
            facts=tuple(facts.items()),
            warnings=(f"{words['not_from_hosts']}: {self._elsewhere(one)}",) if one.elsewhere else (),
            tables=(Table(words["hosts"], columns, rows, empty=words["no_host_tells"]), *self._work(one)),
        )

    def _work(self, one: Standing) -> tuple[Table, ...]:
        """The records of the control's work, when it asks for any."""
        words, owners = self.report.words, self.report.fleet.owners
        rows = tuple(
            (
                badge(work.state),
                heading(work.row.name.in_language(self.report.lang)),
                Cell(owners[work.row.owner].name.in_language(self.report.lang)),
                Cell(f"{work.row.every_days} {words['ages']['days']}"),
                Cell(f"{work.row.done.on}, {work.row.done.by}" if work.row.done else words["not_done"]),
                Cell(work.row.done.kept_in if work.row.done else "", code=True),
            )
            for work in one.records
        )
        columns = (words["state"], words["work"], words["owner"], words["every"], words["last_time"], words["record"])
        return (Table(words["works"], columns, rows),) if rows else ()

    def _annex(self) -> Page:
        """The annex to the dossier of level 3: every clause with its controls and what hosts showed."""
        words = self.report.words
        clauses: dict[tuple[str, str], list[Standing]] = {}
        for one in self.standings.values():
            for clause in one.control.tcvn_14423 or (words["none"],):
                clauses.setdefault((one.control.tcvn_11930, clause), []).append(one)
        rows = tuple(
            (
                Cell(group),
                Cell(clause),
                heading(f"{one.control.id}. {self._name(one.control)}", href=f"controls/{one.control.id}.html"),
                badge(one.state),
                *self._numbers(one),
                Cell(self._elsewhere(one)),
            )
            for (group, clause), standings in sorted(clauses.items(), key=lambda item: _in_order(*item[0]))
            for one in standings
        )
        columns = (
            "TCVN 11930",
            "TCVN 14423",
            words["control"],
            words["state"],
            *self._number_words(),
            words["elsewhere"],
        )
        return Page(
            path="dossier.html",
            title=words["dossier_title"],
            lang=self.report.lang,
            notes=(words["dossier_note"], words["control_note"]),
            tables=(Table(words["dossier_title"], columns, rows),),
            signatures=(words["sign_verifier"], words["sign_owner"]),
        )

    def _name(self, control: Control) -> str:
        return control.name.in_language(self.report.lang)

    def _numbers(self, one: Standing) -> tuple[Cell, ...]:
        return tuple(Cell(str(one.counts[state] or "")) for state in COUNTED)

    def _number_words(self) -> tuple[str, ...]:
        return tuple(self.report.words["states"][state] for state in COUNTED)

    def _elsewhere(self, one: Standing) -> str:
        return ", ".join(self.report.words["applies"][place] for place in one.elsewhere)


COUNTED = tuple(state for state in State if state is not State.ABSENT)
"""The states that hosts of the environment are counted by."""


def _looked(record: Record) -> str:
    """What a check saw: the value where it passed, the reason where it did not."""
    return record.seen if record.outcome is Outcome.PASS else record.message


def _in_order(group: str, clause: str) -> tuple[int, str, list[tuple[int, str]]]:
    """Groups as the standard has them (network, server, application, data), clauses by their numbers."""
    parts = [("".join(filter(str.isdigit, part)), part) for part in clause.split(".")]
    return "NSAD".index(group[0]), group, [(int(digits or 0), part) for digits, part in parts]
