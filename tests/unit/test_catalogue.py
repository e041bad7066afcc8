"""The catalogue is complete, its sums are those of the sources, and a wrong name is found where it stands."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from province.fleet.control import HOST_CLASSES, AppliesTo
from province.fleet.endpoint import unconfirmed
from province.fleet.feature import FeatureKind
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.layer import LAYERS
from province.fleet.load import load_fleet
from province.fleet.naming import GLOSSARY, look_up
from province.fleet.references import walk
from province.fleet.register import PlatformStatus, TaskStatus
from province.fleet.site import SitePurpose
from province.fleet.source import SourceKind

from .conftest import Edit

MAIL = "fleet/systems/mail.yml"
FIT_TO_DECLARE = {
    FeatureKind.NS: {"systems"},
    FeatureKind.EXT: {"endpoints"},
    FeatureKind.DC: {"sites"},
    FeatureKind.EDGE: {"province", "communes", "registers/edge-services", "systems/meetings"},
    FeatureKind.NET: {"province", "sites", "endpoints", "registers/network-services"},
    FeatureKind.POL: {"controls", "registers/rules", "registers/standards"},
    FeatureKind.PROC: {"owners", "registers/duties"},
    FeatureKind.DATA: {
        "province",
        "owners",
        "registers/project06-tasks",
        "registers/platforms",
        "registers/portal-services",
        "registers/incident-contacts",
        "registers/indicators",
        "registers/record-sets",
    },
}
"""Which collections can make a row of each kind real: an indicator alone does not make a system."""


def problems(data: Path) -> str:
    with pytest.raises(BadData) as caught:
        load_fleet("production", root=data)
    return str(caught.value)


@pytest.mark.proves("systems", "endpoints", "sites", "province", "controls", "owners", "registers")
def test_every_row_is_declared_by_objects_fit_for_its_kinds(fleet: Fleet) -> None:
    declared = {
        (row, name)
        for one in fleet.declarations
        for _, fact in walk(one.fact)
        for row in getattr(fact, "features", ())
        for name in (one.collection, f"{one.collection}/{one.id}")
    }
    missing = [
        f"{row} {kind}"
        for row, feature in fleet.features.items()
        for kind in feature.kinds
        if not any((row, name) in declared for name in FIT_TO_DECLARE[kind])
    ]
    assert missing == []


@pytest.mark.proves(102)
def test_one_row_is_documentation_and_says_why(fleet: Fleet) -> None:
    assert len(fleet.features) == 104
    only_documented = {row: feature.documentation for row, feature in fleet.features.items() if not feature.kinds}
    assert list(only_documented) == [102]
    assert "no infrastructure" in str(only_documented[102])


def test_a_row_without_its_system_is_found(data: Path, edit: Edit) -> None:
    edit(MAIL, "features: [28]", "features: []")
    rows = (data / "fleet/features.yml").read_text(encoding="utf-8").splitlines()
    line = next(number for number, row in enumerate(rows, start=1) if row.startswith("- {id: 28,"))
    assert problems(data) == (
        "inventories/fleet/features.yml\n"
        "  28.kinds: no system declares row 28 (Official e-mail) (is NS); name the row in the `features` of a system "
        f"(line {line})\n"
        "1 problem; nothing was changed"
    )


def test_a_row_without_its_endpoint_is_found(data: Path, edit: Edit) -> None:
    edit("fleet/endpoints.yml", "features: [72]", "features: []")
    assert "72.kinds: no endpoint declares row 72 (Postal services)" in problems(data)


def test_two_systems_do_not_exchange_mail_for_one_domain(data: Path) -> None:
    mail = (data / MAIL).read_text(encoding="utf-8").splitlines(keepends=True)
    begin = next(place for place, line in enumerate(mail) if line.startswith("replaces:"))
    end = next(place for place, line in enumerate(mail) if line.startswith("#"))
    (data / MAIL).with_name("post.yml").write_text("".join([*mail[:begin], *mail[end:]]), encoding="utf-8")
    assert "systems/post.yml\n  mail: mail exchanges mail, too (is post); one system exchanges mail for a" in problems(
        data
    )


def test_a_site_without_a_way_in_for_public_names_is_found(data: Path, edit: Edit) -> None:
    edit("fleet/sites/rach-gia.yml", "public: {", "# public: {")
    assert "sites/rach-gia.yml\n  public: the Internet finds no way in (is null); say `public: " in problems(data)


def test_a_lost_row_is_found(data: Path, edit: Edit) -> None:
    edit("fleet/features.yml", "{id: 5, ", "{id: 105, ")
    text = problems(data)
    assert "  5: row is missing; rows are numbered without gaps: put it back" in text
    assert "features: no such row of the mission (is 5); declare this row of the mission or name another" in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("owner: science-technology", "owner: sience-technology", "owner: no such owner (is sience-technology); did"),
        ("features: [28]", "features: [28, 280]", "features: no such row of the mission (is 280)"),
        ("to: mailboxes}", "to: mailboxs}", 'to: no such component (is mailboxs); did you mean "mailboxes"?'),
        ("from: zone/dmz", "from: zone/dmzz", 'flows.0.from: no such zone (is dmzz); did you mean "dmz"?'),
        ("to: system/identity/login", "to: system/identity/logon", "no such component of identity (is logon)"),
        ("to: system/identity/login", "to: system/identify/login", "no such system (is identify)"),
        ("to: system/identity/login", "to: external/vneidd", "no such endpoint (is vneidd)"),
        ("port: 25}", "port: null}", "flows.0.to: has no port to connect to (is relay)"),
        ("exposure: internet", "exposure: none", "exposure: flows come from zones (is none)"),
        ("level: 3", "level: 2", "say in `level_reason` why the level is below 3"),
        ("level: 3", "level: 1", "private data: level 2 or above (Decree 331/2026)"),
        ("{image: null, port: 25}", "{port: 25}", "a workload says its image"),
        (", why: log staff in}", "}", "a flow to or from another system says why"),
        ("from: web, to: system", "from: system/portal/web, to: system", "stands in the file of the system that opens"),
        ("exchange: relay", "exchange: web", "mail.exchange: takes no mail (is web); name a component of this file"),
        ("from: zone/dmz", "from: zone/users", "mail.exchange: mail of others has no way in (is relay); declare the"),
        ("state: declared", "state: running", "mail.dkim.0.key: a system that runs signs its mail (is null); write"),
        ("pillar: government", "piller: government", 'piller: unknown key; did you mean "pillar"?'),
    ],
)
def test_a_wrong_system_is_refused(data: Path, edit: Edit, old: str, new: str, message: str) -> None:
    edit(MAIL, old, new)
    text = problems(data)
    assert text.startswith("inventories/fleet/systems/mail.yml\n")
    assert message in text


def test_project_06_needs_level_3(data: Path, edit: Edit) -> None:
    edit("fleet/systems/land.yml", "level: 3", "level: 2\nlevel_reason: none")
    assert "connected to Project 06: level 3 or above (Circular 46/2022/TT-BCA)" in problems(data)


def test_an_unknown_source_is_found_inside_a_register(data: Path, edit: Edit) -> None:
    edit("fleet/registers/indicators.yml", "scope: new An Giang in 2025, source: S3", "scope: all, source: S9")
    assert "registers/indicators.yml\n  rows.budget-2025.figure.source: no such source (is S9)" in problems(data)


def test_a_figure_without_scope_is_refused(data: Path, edit: Edit) -> None:
    edit("fleet/registers/indicators.yml", "unit: agencies, scope: former Kiên Giang,", "unit: agencies,")
    assert "figure.scope: missing" in problems(data)


@pytest.mark.proves("registers/project06-tasks", "registers/platforms", "registers/portal-services")
def test_registers_hold_what_their_sources_count(fleet: Fleet) -> None:
    registers = fleet.registers
    tasks = Counter(task.status for task in registers.project06_tasks.rows)
    assert tasks == {TaskStatus.COMPLETED: 5, TaskStatus.IN_PROGRESS: 9, TaskStatus.ONGOING: 4}
    platforms = Counter(platform.status for platform in registers.platforms.rows)
    assert platforms == {PlatformStatus.DEPLOYED: 12, PlatformStatus.MISSING: 3}
    assert [service.number for service in registers.portal_services.rows] == list(range(1, 26))


def test_what_no_source_names_has_no_name(fleet: Fleet) -> None:
    registers = fleet.registers
    assert {task.name for task in registers.project06_tasks.rows} == {None}
    assert {platform.name for platform in registers.platforms.rows} == {None}
    assert {service.name for service in registers.portal_services.rows} == {None}
    assert {(row.name, row.phone, row.verified) for row in registers.incident_contacts.rows} == {(None, None, False)}


def test_a_wrong_sum_names_both_counts(data: Path, edit: Edit) -> None:
    edit("fleet/registers/platforms.yml", "{number: 12, status: deployed", "{number: 12, status: missing")
    text = problems(data)
    assert "rows: the source counts 12 rows that are deployed (is 11)" in text
    assert "rows: the source counts 3 rows that are missing (is 4)" in text


def test_a_row_that_stands_twice_is_found(data: Path, edit: Edit) -> None:
    edit("fleet/registers/portal-services.yml", "{number: 24,", "{number: 25,")
    assert "rows.25: stands more than once (is 2)" in problems(data)


@pytest.mark.proves("registers/incident-contacts")
def test_every_commune_and_the_province_have_an_incident_contact(data: Path, edit: Edit, fleet: Fleet) -> None:
    assert {row.scope for row in fleet.registers.incident_contacts.rows} == {"province", *fleet.communes}
    edit("fleet/registers/incident-contacts.yml", '{scope: "31078"}', '{scope: "31079"}')
    text = problems(data)
    assert "rows: has no incident contact (is 31078)" in text
    assert "rows: no such commune (is 31079)" in text


@pytest.mark.proves("controls")
def test_controls_are_complete_and_quote_one_benchmark(fleet: Fleet) -> None:
    assert len(fleet.controls) == 85
    standard = fleet.registers.standards.get("cis-debian-13")
    assert standard is not None
    assert (standard.version, standard.source) == ("v1.0.0", "R2")
    everywhere = fleet.controls[25]
    assert everywhere.applies_to == HOST_CLASSES
    assert fleet.controls[85].applies_to == (AppliesTo.PROCESS,)


def test_runs_of_cis_items_are_spelled_out(fleet: Fleet) -> None:
    assert fleet.controls[10].cis_ids == ("3.3.1.12", "3.3.1.13")
    assert fleet.controls[15].cis_ids == ("3.3.1.1", "3.3.1.2", "3.3.1.3", "3.3.2.1", "3.3.2.2")
    assert fleet.controls[73].cis_ids == ("7.1.11", "7.1.12", "7.1.13")
    assert fleet.controls[1].cis_ids == ()


def test_cis_ids_without_a_version_are_refused(data: Path, edit: Edit) -> None:
    edit("fleet/registers/standards.yml", "id: cis-debian-13", "id: cis-debian-12")
    assert "CIS ids without a version of the benchmark" in problems(data)


@pytest.mark.proves("endpoints")
def test_only_names_that_a_source_gives_stand_as_hosts(fleet: Fleet) -> None:
    hosts = {endpoint.host: endpoint.source for endpoint in fleet.endpoints.values() if endpoint.host}
    assert hosts == {"dichvucong.gov.vn": "V14", "sso.dancuquocgia.gov.vn": "R5", "dichvucong.ca.gov.vn": "V19"}


def test_no_endpoint_is_fit_for_production_until_confirmed(data: Path, edit: Edit, fleet: Fleet) -> None:
    assert {finding.key for finding in unconfirmed(fleet.endpoints, fleet.origins)} == {
        f"{id_}.verified" for id_ in fleet.endpoints
    }
    edit("fleet/endpoints.yml", "  host: dichvucong.gov.vn\n", "  host: dichvucong.gov.vn\n  verified: true\n")
    assert "national-service-portal.verified: verified, but not complete (is True)" in problems(data)
    edit("fleet/endpoints.yml", "  verified: true\n", "  via: tslcd\n  verified: true\n")
    confirmed = load_fleet("lab", root=data)
    waiting = {finding.key for finding in unconfirmed(confirmed.endpoints, confirmed.origins)}
    assert "national-service-portal.verified" not in waiting
    assert len(waiting) == len(fleet.endpoints) - 1


def test_planned_systems_get_no_room_and_tiers_decide_the_site(fleet: Fleet) -> None:
    at = {
        site.purpose: {system.id for system in fleet.systems_at(site)} for site in fleet.sites.values() if site.cluster
    }
    primary, recovery = at[SitePurpose.PRIMARY], at[SitePurpose.RECOVERY]
    assert {"one-stop", "mail"} <= primary & recovery
    assert "data-warehouse" in primary - recovery
    assert not {"blockchain", "finance-computing", "security-testing"} & (primary | recovery)
    by_tier = {id_ for id_ in recovery if fleet.systems[id_].placement is None}
    assert {fleet.systems[id_].tier for id_ in by_tier} == {"A", "B"}
    assert recovery - by_tier == {"trial"}, "what is tried is tried at both sites"


def test_every_room_of_a_site_stands_in_one_layer(fleet: Fleet) -> None:
    for site in fleet.data_centres:
        held = Counter(system.id for layer in LAYERS for system in fleet.rooms_at(site, layer))
        assert site.cluster
        fits = {None, site.cluster.network_engine}
        parts = {id_ for id_, part in fleet.platform.items() if part.network_engine in fits}
        assert set(held) == {system.id for system in fleet.systems_at(site)} | parts
        assert set(held.values()) == {1}


def test_a_part_of_the_platform_has_a_name_of_its_own(data: Path) -> None:
    platform = data / "fleet" / "platform"
    for name in ("mail", "kube-extra", "default"):
        shutil.copyfile(platform / "ingress.yml", platform / f"{name}.yml")
    text = problems(data)
    assert "platform/mail.yml\n  is also the name of a system" in text
    assert "platform/kube-extra.yml\n  is a name that Kubernetes" in text
    assert "platform/default.yml\n  is a name that Kubernetes" in text


def test_quota_of_the_tier_holds_unless_the_system_has_its_own(fleet: Fleet) -> None:
    assert fleet.systems["mail"].quota_in(fleet.tiers) == fleet.tiers["B"].quota
    assert fleet.systems["big-data"].quota_in(fleet.tiers).storage_gib == 2000


def test_guesses_say_that_they_are(fleet: Fleet) -> None:
    weak = {id_ for id_, source in fleet.sources.items() if source.kind in {SourceKind.ASSUMPTION, SourceKind.MEMORY}}
    sure = [
        f"{one.label(at)}"
        for one in fleet.declarations
        for at, fact in walk(one.fact)
        if getattr(fact, "verified", False) and getattr(fact, "source", None) in weak
    ]
    assert sure == []


def test_glossary_has_one_meaning_for_a_word() -> None:
    words = Counter(word.casefold() for term in GLOSSARY for word in (term.term, term.vietnamese))
    assert [word for word, count in words.items() if count > 1] == []
    found = look_up("Bằng chứng")
    assert found is not None
    assert found.term == "evidence"
