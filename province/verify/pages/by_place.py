"""Places: a page for each data centre, each system (by the hosts that carry it), and a certificate for each commune."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from province.fleet.commune import Commune
from province.fleet.fact import Body
from province.fleet.hosts import Host
from province.fleet.site import Site
from province.fleet.system import System
from province.verify.evidence import Record
from province.verify.outcome import Outcome
from province.verify.pages.table import Cell, Page, Table, badge, heading
from province.verify.pages.view import SYMBOLS, Report
from province.verify.standing import State

GOOD = {State.PASS, State.WAIVED}


def site_pages(report: Report) -> Iterator[Page]:
    """A page for each data centre: its hosts, its ways out, what it carries."""
    words = report.words
    for site in report.fleet.data_centres:
        hosts = list(report.fleet.hosts_of(site.id))
        facts = {
            words["purpose"]: str(site.purpose),
            words["hosts"]: str(len(hosts)),
            "Kubernetes": site.cluster.kubernetes if site.cluster else "",
            words["uplinks"]: ", ".join(f"{one.id} ({one.route})" for one in site.uplinks),
        }
        systems = tuple(
            (
                heading(system.name.in_language(report.lang), href=f"../systems/{system.id}.html"),
                Cell(system.tier),
                Cell(str(system.level)),
            )
            for system in report.fleet.systems_at(site)
        )
        yield Page(
            path=f"sites/{site.id}.html",
            title=site.name.in_language(report.lang),
            lang=report.lang,
            state=_worst(report, hosts),
            facts=tuple((label, value) for label, value in facts.items() if value),
            tables=(
                _hosts(report, hosts),
                Table(
                    words["systems_title"],
                    (words["system"], words["tier"], words["level"]),
                    systems,
                    empty=words["none"],
                ),
            ),
        )


def system_pages(report: Report) -> Iterator[Page]:
    """The list of systems, and a page for each: what it is, and how the hosts stand that carry it."""
    words, fleet = report.words, report.fleet
    rows = tuple(
        (
            heading(system.name.in_language(report.lang), href=f"systems/{system.id}.html"),
            Cell(fleet.owners[system.owner].name.in_language(report.lang)),
            Cell(system.tier),
            Cell(str(system.level)),
            badge(_worst(report, _carriers(report, system))),
            Cell(", ".join(site.name.in_language(report.lang) for site in _sites(report, system))),
        )
        for system in fleet.systems.values()
    )
    columns = (words["system"], words["owner"], words["tier"], words["level"], words["carriers"], words["sites_short"])
    yield Page(
        path="systems.html",
        title=words["systems_title"],
        lang=report.lang,
        notes=(words["system_note"],),
        tables=(Table(words["systems_title"], columns, rows),),
    )
    for system in fleet.systems.values():
        hosts = _carriers(report, system)
        flows = tuple(
            (heading(flow.origin), Cell(flow.to, code=True), Cell(flow.why or "", lang="en")) for flow in system.flows
        )
        yield Page(
            path=f"systems/{system.id}.html",
            title=system.name.in_language(report.lang),
            lang=report.lang,
            facts=(
                (words["owner"], fleet.owners[system.owner].name.in_language(report.lang)),
                (words["tier"], system.tier),
                (words["level"], str(system.level)),
                (words["data"], str(system.data)),
                (words["exposure"], str(system.exposure)),
                (words["declared_state"], str(system.state)),
            ),
            notes=(words["system_note"],),
            tables=(
                _hosts(report, hosts),
                Table(words["flows"], (words["from"], words["to"], words["why"]), flows, empty=words["none"]),
            ),
        )


def certificates(report: Report) -> Iterator[Page]:
    """A page for each commune: the certificate that both nodes were tested, or what it still waits for."""
    nodes: dict[str, dict[Body, Host]] = {}
    for node in report.fleet.nodes:
        if node.commune and node.body:
            nodes.setdefault(node.commune, {})[node.body] = node
    for commune in report.fleet.communes.values():
        yield _certificate(report, commune, nodes[commune.code])


def _certificate(report: Report, commune: Commune, nodes: dict[Body, Host]) -> Page:
    words = report.words
    waits = [f"{nodes[body].name}: {why}" for body in Body for why in _waits_for(report, nodes[body])]
    known = {body: tuple(report.records.get(nodes[body].name, {}).values()) for body in Body}
    runs = sorted({record.run for records in known.values() for record in records})
    rows = tuple(_of_body(report, body, nodes[body], known[body]) for body in Body)
    columns = (
        words["body"],
        words["host"],
        words["state"],
        words["line"],
        *(words["states"][one] for one in Outcome),
        words["time"],
    )
    return Page(
        path=f"communes/{commune.code}.html",
        title=f"{words['certificate_title']}: {commune.name}",
        lang=report.lang,
        facts=(
            (words["code"], commune.code),
            (words["commune"], commune.name),
            (words["former"], commune.formerly.province),
            (words["verdict"], words["not_issued"] if waits else words["issued"]),
        ),
        warnings=tuple(f"{words['not_issued']}. {why}" for why in waits),
        notes=() if waits else (words["certificate_text"],),
        tables=(
            Table(words["bodies"], columns, rows),
            _left(report, (record for records in known.values() for record in records)),
            _vouched(report, runs),
        ),
        signatures=() if waits else (words["sign_verifier"], words["sign_commune"], words["sign_owner"]),
    )


def _left(report: Report, records: Iterable[Record]) -> Table:
    """What is not as declared, with leave."""
    words = report.words
    rows = tuple(
        (
            heading(record.host),
            Cell(record.title or record.test, lang="en"),
            Cell(", ".join(map(str, record.controls))),
            Cell(record.message, lang="en", code=True),
        )
        for record in records
        if record.outcome is Outcome.WAIVED
    )
    columns = (words["host"], words["check"], words["controls"], words["message"])
    return Table(words["waivers"], columns, rows, empty=words["none"])


def _vouched(report: Report, runs: Iterable[str]) -> Table:
    """The runs behind a certificate, and who vouches for them."""
    words = report.words
    rows = tuple(
        (
            heading(run),
            Cell(f"{report.sealed[run].time:%Y-%m-%d %H:%M} UTC" if run in report.sealed else ""),
            Cell(report.sealed[run].signer if run in report.sealed else words["not_sealed"]),
            Cell(report.sealed[run].sha256 if run in report.sealed else "", code=True),
        )
        for run in runs
    )
    columns = (words["run"], words["sealed"], words["signer"], "SHA-256")
    return Table(words["evidence"], columns, rows, empty=words["no_run"])


def _waits_for(report: Report, node: Host) -> Iterator[str]:
    """Why a node is not accepted: every reason, none when it is."""
    words, row = report.words, report.row(node)
    records = report.records.get(node.name, {}).values()
    if row.state not in GOOD:
        yield words["host_states"][row.state]
    if row.state in {State.ABSENT, State.NO_EVIDENCE}:
        return
    if not any(one.run.whole and one.complete and node.name in one.run.hosts for one in report.evidence):
        yield words["not_whole"]
    unsigned = {
        record.run for record in records if record.run not in report.sealed or not report.sealed[record.run].signer
    }
    if unsigned:
        yield f"{words['not_sealed']} ({', '.join(sorted(unsigned))})"
    if not row.as_planned:
        yield words["not_as_planned"]


def _of_body(report: Report, body: Body, node: Host, records: Iterable[Record]) -> tuple[Cell, ...]:
    row, counts = report.row(node), Counter(record.outcome for record in records)
    name = report.fleet.province.bodies[body].name.in_language(report.lang)
    return (
        heading(name),
        Cell(node.name, href=f"../{row.page}" if row.page else None),
        badge(row.state),
        Cell(row.line),
        *(Cell(str(counts[one])) for one in Outcome),
        Cell(f"{row.seen:%Y-%m-%d %H:%M} UTC" if row.seen else ""),
    )


def _hosts(report: Report, hosts: Iterable[Host]) -> Table:
    words, order = report.words, list(SYMBOLS)
    rows = sorted((report.row(host) for host in hosts), key=lambda row: (order.index(row.state), row.name))
    columns = (words["host"], words["host_class"], words["site"], words["state"], words["age"], words["version"])
    return Table(
        words["hosts"],
        columns,
        tuple(
            (
                heading(row.name, href=f"../{row.page}" if row.page else None),
                Cell(row.host_class),
                Cell(row.place, lang="vi"),
                badge(row.state),
                Cell(row.age if row.seen else ""),
                Cell(row.version, code=True),
            )
            for row in rows
        ),
        empty=words["no_host_carries"],
    )


def _sites(report: Report, system: System) -> list[Site]:
    return [site for site in report.fleet.data_centres if system in report.fleet.systems_at(site)]


def _carriers(report: Report, system: System) -> list[Host]:
    """The hosts of the clusters that hold a system's room."""
    sites = {site.id for site in _sites(report, system)}
    roles = {"control-plane", "worker", "storage", "ingress"}
    return [host for host in report.fleet.hosts.values() if host.site in sites and host.host_class in roles]


def _worst(report: Report, hosts: Iterable[Host]) -> str:
    order = list(SYMBOLS)
    return min((report.row(host).state for host in hosts), key=order.index, default=State.NO_EVIDENCE)
