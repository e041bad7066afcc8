"""Evidence as pages that anybody can open: static HTML, offline, in Vietnamese or English.

One page for the province (communes × bodies, and the hosts of the sites), one page for every host. Green means that
every check that is known of a host passed; a host without evidence, or one that the environment does not run, says
so and is never green.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from province.errors import ExitCode, ProvinceError
from province.fleet.commune import slugify
from province.fleet.documents import read_yaml
from province.fleet.fact import Body
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.verify.evidence import Evidence, Record, latest, read_evidence
from province.verify.outcome import Outcome, worst

Language = Literal["vi", "en"]
TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "reports"
NO_EVIDENCE = "no-evidence"
ABSENT = "absent"
SYMBOLS = {
    Outcome.FAIL: "✗",
    Outcome.UNREACHABLE: "⊘",
    Outcome.UNKNOWN: "?",
    Outcome.WAIVED: "◇",
    Outcome.PASS: "✓",
    NO_EVIDENCE: "–",
    ABSENT: "·",
}
"""One sign for each state, the worst first; a state is never told by colour alone."""

HOUR = 3600
DAY = 86400


@dataclass(frozen=True)
class Row:
    """A host as the province page shows it. `seen` is the time of the oldest check that counts."""

    name: str
    host_class: str
    place: str
    state: str
    page: str | None
    seen: datetime | None
    age: str
    seconds: int

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

    def __init__(self, fleet: Fleet, evidence: Iterable[Evidence], lang: Language, made: datetime) -> None:
        self.fleet = fleet
        self.evidence = sorted(evidence, key=lambda one: one.run.started)
        self.lang = lang
        self.made = made
        self.records = latest(self.evidence)
        self.words = _words(lang)

    def row(self, host: Host) -> Row:
        """The state of one host of the model."""
        records = self.records.get(host.name, {}).values()
        runs = host.name in self.fleet.hosts
        state = str(worst(record.outcome for record in records)) if records else NO_EVIDENCE
        seen = min((record.time for record in records), default=None)
        seconds = int((self.made - seen).total_seconds()) if seen else 0
        return Row(
            name=host.name,
            host_class=host.host_class,
            place=self.place(host),
            state=state if runs else ABSENT,
            page=f"hosts/{host.name}.html" if runs else None,
            seen=seen if runs else None,
            age=_age(seconds, self.words["ages"]),
            seconds=seconds,
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
            )
            for commune in self.fleet.communes.values()
        ]
        return sorted(rows, key=lambda row: slugify(row.name))

    def province_page(self) -> dict[str, Any]:
        """What the template of the province page is given."""
        rows = {name: self.row(host) for name, host in self.fleet.hosts.items()}
        known = [record for name in rows for record in self.records.get(name, {}).values()]
        bodies = self.fleet.province.bodies
        return {
            "province": self.fleet.province.name.vi,
            "environment": self.fleet.environment.id,
            "newest": self.evidence[-1] if self.evidence else None,
            "made": self.made,
            "host_totals": _totals(row.state for row in rows.values()),
            "check_totals": _totals(str(record.outcome) for record in known),
            "bodies": [bodies[body].name.in_language(self.lang) for body in Body],
            "communes": self.communes(),
            "site_hosts": [rows[host.name] for host in self.fleet.hosts.values() if host.site],
            "strangers": sorted(set(self.records) - set(rows)),
        }

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
            "totals": _totals(str(record.outcome) for record in records),
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


def build_report(
    fleet: Fleet,
    evidence_files: Iterable[Path],
    out_dir: Path,
    lang: Language = "en",
    *,
    made: datetime | None = None,
) -> Path:
    """Write the pages into `out_dir` and return the path of the first one.

    The newest record of each check counts, whichever file it is in. `made` is the moment that ages are counted to;
    now when it is left out. ProvinceError when a file is broken or belongs to another environment.
    """
    evidence = [_of_environment(read_evidence(path), fleet.environment.id) for path in evidence_files]
    report = Report(fleet, evidence, lang, made or datetime.now(UTC))
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(lang=lang, words=report.words, symbols=SYMBOLS)
    pages = out_dir / "hosts"
    pages.mkdir(parents=True, exist_ok=True)
    for left_over in set(pages.glob("*.html")) - {pages / f"{name}.html" for name in fleet.hosts}:
        left_over.unlink()
    template = templates.get_template("host.html.j2")
    for name, host in fleet.hosts.items():
        (pages / f"{name}.html").write_text(template.render(report.host_page(host)), encoding="utf-8")
    index = out_dir / "index.html"
    text = templates.get_template("province.html.j2").render(report.province_page())
    index.write_text(text, encoding="utf-8")
    return index


def searchable(*texts: str) -> str:
    """Texts as the filter compares them: lower case, no diacritics."""
    return " ".join(slugify(text).replace("-", " ") + " " + text.lower() for text in texts)


def _of_environment(evidence: Evidence, environment: str) -> Evidence:
    if evidence.run.environment != environment:
        raise ProvinceError(
            f"{evidence.path} is evidence of environment {evidence.run.environment!r}, not {environment!r}",
            hint=f"choose files under .province/{environment}/evidence",
            exit_code=ExitCode.USAGE,
        )
    return evidence


def _totals(states: Iterable[str]) -> dict[str, int]:
    counts = Counter(states)
    return {state: counts[state] for state in SYMBOLS if counts[state]}


def _age(seconds: int, units: Mapping[str, str]) -> str:
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
