"""What every page of the report is made from: the model, the evidence, the words; and the pages of province and hosts.

Green means that every check that is known of a host passed, and not too long ago; a host without evidence, or one that
the environment does not run, says so and is never green.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from province.fleet.commune import slugify
from province.fleet.documents import read_yaml
from province.fleet.fact import Body
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.migration.proofs import Proof
from province.verify.evidence import Evidence, Record, latest
from province.verify.ledger import Sealed, Written, kept
from province.verify.outcome import Outcome
from province.verify.pages.map import Map, draw
from province.verify.standing import State, stale_after, standing

Language = Literal["vi", "en"]
TEMPLATES = Path(__file__).resolve().parents[3] / "templates" / "reports"
SYMBOLS: dict[str, str] = {
    State.FAIL: "✗",
    State.UNREACHABLE: "⊘",
    State.UNKNOWN: "?",
    State.STALE: "◷",
    State.NO_EVIDENCE: "–",
    State.WAIVED: "◇",
    State.PASS: "✓",
    State.ABSENT: "·",
}
"""One sign for each state, the worst first; a state is never told by colour alone."""

HOUR = 3600
DAY = 86400
DIGITS = 12
"""How much of a digest is shown where it only tells versions apart."""


@dataclass(frozen=True)
class Row:
    """A host as the province page shows it. `seen` is the time of the oldest check that counts.

    `line` is the capacity of a node's leased line by the model; `version` the beginning of the digest of what was last
    applied, and `as_planned` whether that is what the model wanted when the host was looked at.
    """

    name: str
    host_class: str
    place: str
    state: str
    page: str | None
    seen: datetime | None
    age: str
    seconds: int
    line: str
    version: str
    as_planned: bool

    @property
    def rank(self) -> int:
        """Place in the order of states, the worst first."""
        return list(SYMBOLS).index(self.state)

    @property
    def search(self) -> str:
        """What the filter looks through, without diacritics."""
        return searchable(self.name, self.host_class, self.place)


@dataclass(frozen=True)
class CommuneRow:
    """A commune with the hosts of its bodies, in the order of the columns."""

    code: str
    name: str
    former: str
    hosts: tuple[Row, ...]
    page: str

    @property
    def states(self) -> str:
        """The states of its hosts, for the filter."""
        return " ".join(host.state for host in self.hosts)

    @property
    def search(self) -> str:
        """What the filter looks through, without diacritics."""
        return searchable(self.code, self.name, self.former, *(host.name for host in self.hosts))


class Report:
    """Everything the pages say, computed from the model and the evidence; writes nothing."""

    def __init__(
        self,
        fleet: Fleet,
        evidence: Iterable[Evidence],
        lang: Language,
        made: datetime,
        ledger: tuple[Written, ...] = (),
        proofs: tuple[Proof, ...] = (),
    ) -> None:
        self.fleet = fleet
        self.evidence = sorted(evidence, key=lambda one: one.run.started)
        self.lang = lang
        self.made = made
        self.records = latest(self.evidence)
        self.words = _words(lang)
        self.ledger = ledger
        self.proofs = proofs
        self.sealed: dict[str, Sealed] = {entry.run: entry for entry in kept(ledger)}
        self._rows: dict[str, Row] = {}

    def row(self, host: Host) -> Row:
        """The state of one host of the model."""
        if host.name not in self._rows:
            self._rows[host.name] = self._row(host)
        return self._rows[host.name]

    def state(self, host: Host, records: Iterable[Record]) -> State:
        """What these records say of a host; old ones say nothing good."""
        runs = host.name in self.fleet.hosts
        limit = stale_after(self.fleet)
        return standing(host, records, runs=runs, now=self.made, stale_after=limit).state

    def _row(self, host: Host) -> Row:
        runs = host.name in self.fleet.hosts
        records = tuple(self.records.get(host.name, {}).values()) if runs else ()
        seen = min((record.time for record in records), default=None)
        seconds = int((self.made - seen).total_seconds()) if seen else 0
        newest = max(records, key=lambda record: record.time, default=None)
        line = self.fleet.communes[host.commune].lines.of(host.body) if host.commune and host.body else None
        return Row(
            name=host.name,
            host_class=host.host_class,
            place=self.place(host),
            state=self.state(host, records),
            page=f"hosts/{host.name}.html" if runs else None,
            seen=seen,
            age=age_of(seconds, self.words["ages"]),
            seconds=seconds,
            line=f"{line.mbps} Mbps" if line else "",
            version=(newest.manifest or "")[:DIGITS] if newest else "",
            as_planned=newest is None or newest.plan is None or newest.plan == newest.manifest,
        )

    def place(self, host: Host) -> str:
        """Where a host stands, by its Vietnamese name."""
        if host.commune:
            return self.fleet.communes[host.commune].name
        return self.fleet.sites[host.site].name.vi if host.site else ""

    def communes(self) -> list[CommuneRow]:
        """All communes of the province, by name."""
        nodes = {(node.commune, node.body): node for node in self.fleet.nodes}
        rows = [
            CommuneRow(
                code=commune.code,
                name=commune.name,
                former=commune.formerly.province,
                hosts=tuple(self.row(nodes[commune.code, body]) for body in Body),
                page=f"communes/{commune.code}.html",
            )
            for commune in self.fleet.communes.values()
        ]
        return sorted(rows, key=lambda row: slugify(row.name))

    def province_page(self) -> dict[str, Any]:
        """What the template of the province page is given."""
        rows = {name: self.row(host) for name, host in self.fleet.hosts.items()}
        known = [record for name in rows for record in self.records.get(name, {}).values()]
        bodies = self.fleet.province.bodies
        communes = self.communes()
        return {
            "province": self.fleet.province.name.vi,
            "environment": self.fleet.environment.id,
            "newest": self.evidence[-1] if self.evidence else None,
            "made": self.made,
            "host_totals": totals(row.state for row in rows.values()),
            "check_totals": totals(str(record.outcome) for record in known),
            "bodies": [bodies[body].name.in_language(self.lang) for body in Body],
            "communes": communes,
            "map": self.map(communes),
            "sites": self.fleet.data_centres,
            "moves": self.fleet.migration is not None,
            "ledger": self.ledger[-1].chain if self.ledger else "",
            "site_hosts": [rows[host.name] for host in self.fleet.hosts.values() if host.site],
            "strangers": sorted(set(self.records) - set(rows)),
        }

    def map(self, communes: Iterable[CommuneRow]) -> Map:
        """The communes where they lie, each with the worst of its bodies' states."""
        worst_first = list(SYMBOLS)
        states = {row.code: min((one.state for one in row.hosts), key=worst_first.index) for row in communes}
        return draw(self.fleet.communes.values(), states)

    def host_page(self, host: Host) -> dict[str, Any]:
        """What the template of a host's page is given; the worst checks come first."""
        order = list(Outcome)
        records = sorted(
            self.records.get(host.name, {}).values(),
            key=lambda record: (order.index(record.outcome), record.subject, record.test),
        )
        return {
            "host": self.row(host),
            "facts": self._facts(host, records),
            "records": records,
            "totals": totals(str(record.outcome) for record in records),
            "controls": {
                number: control.name.in_language(self.lang) for number, control in self.fleet.controls.items()
            },
        }

    def _facts(self, host: Host, records: list[Record]) -> list[tuple[str, str]]:
        newest = max(records, key=lambda record: record.time, default=None)
        body = self.fleet.province.bodies[host.body].name if host.body else None
        facts = {
            "fqdn": host.fqdn,
            "host_class": host.host_class,
            "commune" if host.commune else "site": self.place(host),
            "body": body.vi if body else None,
            "wave": host.wave and str(host.wave),
            "management": ", ".join(str(address) for address in host.management.plain),
            "boot": newest and newest.boot,
            "manifest": newest and newest.manifest,
        }
        return [(self.words[key], value) for key, value in facts.items() if value]


def searchable(*texts: str) -> str:
    """Texts as the filter compares them: lower case, no diacritics."""
    return " ".join(slugify(text).replace("-", " ") + " " + text.lower() for text in texts)


def totals(states: Iterable[str]) -> dict[str, int]:
    """How often each state is there, the worst first; what is not there is left out."""
    counts = Counter(states)
    return {state: counts[state] for state in SYMBOLS if counts[state]}


def age_of(seconds: int, units: Mapping[str, str]) -> str:
    """An age in whole minutes, hours or days, with the word for it."""
    if seconds < HOUR:
        return f"{seconds // 60} {units['minutes']}"
    if seconds < DAY:
        return f"{seconds // HOUR} {units['hours']}"
    return f"{seconds // DAY} {units['days']}"


def _words(lang: Language) -> dict[str, Any]:
    """The words of one language; the file's shape is kept."""
    path = TEMPLATES / "words.yml"

    def chosen(entry: dict[str, Any]) -> Any:
        return entry[lang] if set(entry) == {"vi", "en"} else {key: chosen(one) for key, one in entry.items()}

    words: dict[str, Any] = chosen(read_yaml(path, f"templates/reports/{path.name}"))
    return words | {"host_states": words["states"] | words["host_states"]}
