"""Published figures become load by named assumptions; the numbers here are worked out by hand beside the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.fleet.assumption import Assumption
from province.fleet.fact import Period
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.sizing import MixedScopesError, Quantity, pods_wanted, size

from .conftest import Edit
from .test_bad_data import problems

ASSUMPTIONS = "fleet/assumptions.yml"
QUARTER = Quantity(213_883, "documents", "former Kiên Giang", Period.QUARTER)

WORKED_OUT = [
    ("e-office-tenants", 771 * 2, "tenants", None),
    # 15,472 accounts, 4,642 sessions, 928 requests a second, and the entrance is made for about 1,500.
    ("e-office-requests", 7_736 * 2 * 0.30 / 5 * 1.6, "requests", Period.SECOND),
    # 4,988 a day in one former province.
    ("documents-a-day", (213_883 + 75_393) / 58 * 2, "documents", Period.WORKING_DAY),
    # 1.16 million a year of 1.5 MB in one former province: 1.7 TB.
    ("documents-storage", (213_883 + 75_393) * 4 * 1.5 / 1e6 * 2, "TB", Period.YEAR),
    ("documents-storage-in-five-years", 17.4, "TB", None),
    ("documents-at-primary", 34.7, "TB", None),
    ("documents-at-recovery", 17.4, "TB", None),
    ("documents-storage-with-copies", 52.1, "TB", None),
    # 30 % of 3,688 in the busiest hour, ten times as many at its peak: about 3, and twice that.
    ("incoming-documents", 213_883 / 58 * 0.30 * 10 / 3600 * 2, "documents", Period.SECOND),
    ("mobile-requests", 3_845 * 2 * 0.30 * 2 / 5, "requests", Period.SECOND),
    # 65,366 signed documents a quarter, 1,127 a day, and twice that.
    ("signatures-today", 75_393 * 0.867 / 58 * 2, "signatures", Period.WORKING_DAY),
    ("signatures-a-day", 2_600, "signatures", Period.WORKING_DAY),
    ("signatures-at-peak", 2_600 * 0.30 / 3600, "signatures", Period.SECOND),
    ("certificates", 10_330 + 708, "certificates", None),
    ("identities", 20_660, "identities", None),
    ("identity-sessions", 3_099, "sessions", None),
    ("dossiers-a-day", 7_500_000 * 0.049 / 42, "dossiers", Period.WORKING_DAY),
    # Half a dossier a second in the busiest hour; made for five.
    ("dossiers-at-peak", 8_750 * 0.20 / 3600 * 10, "dossiers", Period.SECOND),
    ("one-stop-requests", 97.2, "requests", Period.SECOND),
    ("dossiers-storage", 8_750 * 250 * 3 / 1e6, "TB", Period.YEAR),
    ("dossiers-storage-in-five-years", 8_750 * 250 * 3 / 1e6 * 5, "TB", None),
    ("dossiers-at-primary", 65.6, "TB", None),
    ("dossiers-at-recovery", 32.8, "TB", None),
    ("services", 1_200, "routes", None),
    ("medical-records", 122_500, "records", None),
    ("bank-records", 5_880_000, "records", None),
    ("meeting-bandwidth", 408, "Mbps", None),
    ("meeting-bandwidth-in-high-quality", 816, "Mbps", None),
    ("lines", 40_800, "Mbps", None),
    ("hub", 4_080, "Mbps", None),
    ("log-events", 204 * 5 + 150 * 20, "events", Period.SECOND),
    ("logs-a-day", 4_020 * 500 * 86_400 / 1e12, "TB", Period.DAY),
    ("logs-at-hand", 15.6, "TB", None),
    ("logs-kept", 63.4, "TB", None),
    ("logs-at-primary", 126.8, "TB", None),
    ("logs-at-recovery", 63.4, "TB", None),
]


@pytest.mark.parametrize(("result", "value", "unit", "per"), WORKED_OUT, ids=[row[0] for row in WORKED_OUT])
def test_a_result_is_what_its_figures_give_by_hand(
    fleet: Fleet, result: str, value: float, unit: str, per: Period | None
) -> None:
    found = size(fleet)[result].quantity
    assert found.value == pytest.approx(value, rel=0.003)
    assert (found.unit, found.per, found.scope) == (unit, per, "new An Giang")


def test_every_result_is_worked_out_here_or_counts_pods(fleet: Fleet) -> None:
    by_hand = {row[0] for row in WORKED_OUT}
    assert {id_ for id_, one in size(fleet).items() if one.quantity.unit != "pods"} == by_hand


def test_pods_are_whole_ones(fleet: Fleet) -> None:
    assert pods_wanted(size(fleet)) == {
        ("e-office", "web"): 10,  # 1,485 / 150 = 9.9
        ("e-office-mobile", "gateway"): 7,  # 923 / 150 = 6.2
        ("document-gateway", "intake"): 2,  # 6.1 / 5
        ("one-stop", "portal-link"): 3,  # 4.9 / 2
        ("one-stop", "web"): 1,  # 97 / 150
        ("meetings", "relay"): 5,  # 204 / 50
    }


def test_a_chain_shows_each_figure_and_assumption_with_its_source(fleet: Fleet) -> None:
    steps = size(fleet)["certificates"].steps
    assert [(step.kind, step.id, step.after.value, step.source) for step in steps] == [
        ("figure", "signatures-of-officials", 10_330, "S3"),
        ("assumption", "signatures-at-least", 10_330, "A"),
        ("assumption", "certificate-of-an-official", 10_330, "V19"),
        ("figure", "signatures-of-organisations", 708, "S3"),
        ("assumption", "certificate-of-an-organisation", 708, "V19"),
        ("sum", "", 11_038, None),
    ]


@pytest.mark.parametrize(
    "other",
    [
        Quantity(1, "documents", "new An Giang", Period.QUARTER),
        Quantity(1, "documents", "former Kiên Giang", Period.YEAR),
        Quantity(1, "documents", "former Kiên Giang"),
        Quantity(1, "signatures", "former Kiên Giang", Period.QUARTER),
    ],
    ids=["another scope", "another time", "no time", "another unit"],
)
def test_numbers_that_count_different_things_are_never_added(other: Quantity) -> None:
    with pytest.raises(MixedScopesError, match="cannot be added to documents a quarter, former Kiên Giang"):
        QUARTER + other


@pytest.mark.parametrize(
    "percent",
    [
        Quantity(50, "%", "new An Giang", Period.QUARTER),
        Quantity(50, "%", "former Kiên Giang"),
        Quantity(50, "documents", "former Kiên Giang", Period.QUARTER),
    ],
    ids=["another scope", "another time", "no percentage"],
)
def test_a_share_is_only_taken_of_what_it_was_measured_on(percent: Quantity) -> None:
    with pytest.raises(MixedScopesError, match="is no share of documents a quarter"):
        QUARTER.share(percent)


@pytest.mark.parametrize(
    "turn",
    [
        {"unit": {"from": "accounts", "to": "sessions"}},
        {"scope": {"from": "new An Giang", "to": "the nation"}},
        {"per": {"from": "year", "to": "quarter"}},
        {"per": {"from": None, "to": "quarter"}},
    ],
    ids=["unit", "scope", "time", "what stands still"],
)
def test_an_assumption_speaks_of_one_thing_only(turn: dict[str, object]) -> None:
    names = {"vi": "một", "en": "one"}
    one = Assumption.model_validate({"name": names, "times": 1, "reason": "a test", "source": "A", **turn})
    with pytest.raises(MixedScopesError, match="and not documents a quarter, former Kiên Giang"):
        QUARTER.under(one)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            ASSUMPTIONS,
            "    divided_by: 58",
            "    divded_by: 58",
            'assumptions.working-days-of-the-quarter.divded_by: unknown key; did you mean "divided_by"?',
        ),
        (
            ASSUMPTIONS,
            "    divided_by: 58",
            "    divided_by: 0",
            "working-days-of-the-quarter.divided_by: input should be greater than 0 (is 0); correct this value",
        ),
        (
            ASSUMPTIONS,
            "    divided_by: 58",
            "    divided_by: 58\n    times: 2",
            "give the factor once: `times`, `divided_by` or `percent`",
        ),
        (
            ASSUMPTIONS,
            "[both-provinces, agency-is-a-tenant]",
            "[both-province, agency-is-a-tenant]",
            'results.e-office-tenants.steps: no such assumption (is both-province); did you mean "both-provinces"?',
        ),
        (
            ASSUMPTIONS,
            "{figure: e-office-agencies}",
            "{figure: e-office-agency}",
            "results.e-office-tenants.terms.0.figure: no such indicator (is e-office-agency)",
        ),
        (
            ASSUMPTIONS,
            "[{result: documents-storage}]",
            "[{result: logs-a-day}]",
            "results.documents-storage-in-five-years.terms.0.result: no such result above it (is logs-a-day)",
        ),
        (
            ASSUMPTIONS,
            "[both-provinces, agency-is-a-tenant]",
            "[agency-is-a-tenant]",
            (
                "results.e-office-tenants.gives: it comes out as tenants, former Kiên Giang; "
                "it must be tenants, new An Giang: correct its steps, or what it gives"
            ),
        ),
        (
            ASSUMPTIONS,
            "    steps: [quarters-of-a-year, document-size,",
            "    steps: [working-days-of-the-quarter, document-size,",
            "results.documents-storage.gives: it comes out as TB a working day, new An Giang; it must be TB a year",
        ),
        (
            ASSUMPTIONS,
            "terms: [{figure: e-office-accounts}]",
            "terms: [{figure: e-office-accounts}, {figure: signatures-of-officials}]",
            (
                "results.e-office-requests: signatures, new An Giang, at least cannot be added to accounts, "
                "former Kiên Giang; take figures of one scope and time"
            ),
        ),
        (
            ASSUMPTIONS,
            "share: documents-signed}",
            "share: online-use}",
            "results.signatures-today: %, former Kiên Giang is no share of documents a quarter, former Kiên Giang",
        ),
        (
            ASSUMPTIONS,
            "terms: [{figure: lines}]\n    steps: [line-capacity]",
            "terms: [{figure: lines}]\n    steps: []",
            "assumptions.line-capacity: no result needs it; name it in a step, or remove it",
        ),
        (
            "fleet/registers/indicators.yml",
            "{value: 75393, unit: documents, scope: former Kiên Giang, per: quarter",
            "{value: 75393, unit: documents, scope: former Kiên Giang, per: year",
            "results.documents-a-day: documents a year, former Kiên Giang cannot be added to documents a quarter",
        ),
        (
            ASSUMPTIONS,
            "    divided_by: 150",
            "    divided_by: 100",
            (
                "systems/e-office.yml\n  components.web.most_replicas: 15 pods are needed at peak "
                "(province sizing e-office) (is 10); declare `most_replicas: 15`"
            ),
        ),
        (
            ASSUMPTIONS,
            "    component: relay\n    terms: [{figure: video-points}]\n    steps: [points-of-a-pod]",
            "    terms: [{figure: video-points}]\n    steps: [points-of-a-pod]",
            "results.meeting-pods: pods are those of a component: name it",
        ),
        (
            ASSUMPTIONS,
            "steps: [copies-at-the-recovery-site]\n    gives: {unit: TB}",
            "steps: [copies-at-the-recovery-site]\n    gives: {unit: TB, per: year}",
            "results.documents-at-recovery: what is stored gives `unit: TB`, in no time",
        ),
        (
            ASSUMPTIONS,
            "  cache: {pods: 2,",
            "  volume-of-pods: {pods: 2,",
            "provided.volume-of-pods.[key]: input should be 'workload', 'postgresql'",
        ),
    ],
)
def test_bad_assumptions_say_where_and_how_to_mend(
    data: Path, edit: Edit, file: str, old: str, new: str, message: str
) -> None:
    edit(file, old, new)
    assert message in problems(data)


def test_a_changed_assumption_changes_all_that_follows(data: Path, edit: Edit) -> None:
    edit(ASSUMPTIONS, "    times: 1.5\n", "    times: 2\n")
    found = size(load_fleet("production", root=data))
    assert found["documents-storage"].quantity.value == pytest.approx(289_276 * 4 * 2 / 1e6 * 2)
    assert found["documents-storage-with-copies"].quantity.value == pytest.approx(4.628 * 5 * 3, rel=0.001)


def test_documents_that_are_all_scanned_ask_for_more_storage_than_there_is(data: Path, edit: Edit) -> None:
    """At 5 MB each it is 11.6 TB a year instead of 3.5: 40.5 TB more in five years, at the recovery site once."""
    edit(ASSUMPTIONS, "    times: 1.5\n", "    times: 5\n")
    assert "with one storage host lost, 154.1 TB are stored in 120 TB" in problems(data)
