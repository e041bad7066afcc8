"""The four layers of protection that Directive 14/CT-TTg (7 June 2019) asks for, computed from model and evidence.

1 a force on site: who is named; 2 monitoring: whose log arrives, and who is silent; 3 independent checks: by whom and
how long ago; 4 sharing with the national centre. Layers as 1552/BTTTT-CATTT lists them.
"""

from __future__ import annotations

from province.fleet.register import PROVINCE
from province.verify.pages.table import Cell, Page, Table, badge, heading
from province.verify.pages.view import DAY, SYMBOLS, Report, age_of
from province.verify.standing import State

LOG_ARRIVES = "logging::test_a_line_reaches_the_log_host"
"""The check that sends a line from a host and reads it at the log host."""

NATIONAL_CENTRE = "national-security-monitoring"
EXAMINATION = "independent-examination"
EXAMINED_EVERY_DAYS = 183
"""Level 3 is examined every six months (TCVN 14423:2026 through source R1)."""


def layers_page(report: Report) -> Page:
    """All four layers on one page; a layer without evidence says so."""
    return Page(
        path="layers.html",
        title=report.words["layers_title"],
        lang=report.lang,
        notes=(report.words["layers_note"],),
        tables=(_people(report), _sources(report), _checks(report), _national(report)),
    )


def _people(report: Report) -> Table:
    """Layer 1: a named person for the province and for each commune, administrators of the data centres."""
    words, fleet = report.words, report.fleet
    contacts = {row.scope: row for row in fleet.registers.incident_contacts.rows}
    scopes = [PROVINCE, *sorted(fleet.communes, key=lambda code: fleet.communes[code].name)]
    named = [scope for scope in scopes if contacts[scope].name]
    checked = [scope for scope in named if contacts[scope].verified]
    administrators = ", ".join(one.comment for one in fleet.environment.administrators)
    missing = [
        fleet.communes[one].name if one != PROVINCE else words["whole_province"] for one in scopes if one not in named
    ]
    rows = (
        (
            heading(words["contacts_named"]),
            Cell(f"{len(named)} / {len(scopes)}"),
            badge(_full(len(named), len(scopes))),
        ),
        (
            heading(words["contacts_verified"]),
            Cell(f"{len(checked)} / {len(scopes)}"),
            badge(_full(len(checked), len(scopes))),
        ),
        (
            heading(words["administrators"]),
            Cell(administrators or words["none"], lang="vi"),
            badge(State.PASS if administrators else State.FAIL),
        ),
        (heading(words["without_contact"]), Cell(", ".join(missing) or words["none"], lang="vi"), Cell()),
    )
    return Table(words["layer_1"], (words["what"], words["value"], words["state"]), rows)


def _sources(report: Report) -> Table:
    """Layer 2: hosts whose log was seen to arrive, and hosts that are silent or were not asked."""
    words, order = report.words, list(SYMBOLS)
    states = {}
    for name, host in report.fleet.hosts.items():
        record = report.records.get(name, {}).get(LOG_ARRIVES)
        states[name] = report.state(host, [record] if record else [])
    heard = [name for name, state in states.items() if state is State.PASS]
    silent = sorted((name for name in states if name not in heard), key=lambda name: (order.index(states[name]), name))
    rows = [
        (heading(words["sources_heard"]), Cell(f"{len(heard)} / {len(states)}"), badge(_full(len(heard), len(states))))
    ]
    rows += [(heading(name, href=f"hosts/{name}.html"), Cell(words["silent"]), badge(states[name])) for name in silent]
    return Table(words["layer_2"], (words["what"], words["value"], words["state"]), tuple(rows))


def _checks(report: Report) -> Table:
    """Layer 3: sealed runs that were signed by somebody who is not one of the environment's own accounts."""
    words, fleet = report.words, report.fleet
    own = {one.name for one in fleet.environment.accounts}
    duty = fleet.registers.duties.get(EXAMINATION)
    independent = [one for one in report.sealed.values() if one.signer and one.signer not in own]
    newest = max(independent, key=lambda one: one.started, default=None)
    seconds = int((report.made - newest.started).total_seconds()) if newest else 0
    fresh = newest is not None and seconds <= EXAMINED_EVERY_DAYS * DAY
    state = State.NO_EVIDENCE if newest is None else State.PASS if fresh else State.STALE
    said = (
        f"{newest.signer}, {age_of(seconds, words['ages'])} ({newest.run})" if newest else words["no_independent_run"]
    )
    examiner = fleet.owners[duty.owner].name.in_language(report.lang) if duty else words["none"]
    rows = (
        (heading(words["examiner"]), Cell(examiner), badge(State.PASS if duty else State.FAIL)),
        (heading(words["last_independent_run"]), Cell(said), badge(state)),
    )
    return Table(words["layer_3"], (words["what"], words["value"], words["state"]), rows)


def _national(report: Report) -> Table:
    """Layer 4: the endpoint of the national centre, and the flow that shares with it."""
    words, fleet = report.words, report.fleet
    endpoint = fleet.endpoints.get(NATIONAL_CENTRE)
    wanted = f"external/{NATIONAL_CENTRE}"
    flows = [
        f"{system.id}/{flow.origin}" for system in fleet.systems.values() for flow in system.flows if flow.to == wanted
    ]
    known = endpoint is not None and endpoint.fit_for_production
    rows = (
        (
            heading(words["national_flow"]),
            Cell(", ".join(flows) or words["none"], code=True),
            badge(State.PASS if flows else State.FAIL),
        ),
        (
            heading(words["national_address"]),
            Cell(words["confirmed"] if known else words["not_confirmed"]),
            badge(State.PASS if known else State.FAIL),
        ),
        (heading(words["national_answer"]), Cell(words["no_check"]), badge(State.NO_EVIDENCE)),
    )
    return Table(words["layer_4"], (words["what"], words["value"], words["state"]), rows)


def _full(count: int, wanted: int) -> State:
    return State.PASS if wanted and count == wanted else State.FAIL
