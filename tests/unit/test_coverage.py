"""Coverage shows each row with what declares and proves it, and does not take a claim for a proof."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from province.errors import ProvinceError
from province.fleet.coverage import (
    CoverageRow,
    CoverageState,
    Proof,
    check_coverage,
    coverage,
    find_configured,
    find_proofs,
)
from province.fleet.fleet import Fleet


def row(fleet: Fleet, number: int, *proofs: Proof, roles: tuple[str, ...] = ()) -> CoverageRow:
    rows = coverage(fleet, proofs, {number: roles} if roles else {})
    return next(one for one in rows if one.id == number)


def write(tests: Path, name: str, text: str) -> None:
    path = tests / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_every_row_is_listed_and_declared(fleet: Fleet) -> None:
    rows = coverage(fleet, (), {})
    assert [one.id for one in rows] == list(range(1, 105))
    assert [one.id for one in rows if one.state is CoverageState.MISSING] == []


def test_the_checkout_proves_every_row(fleet: Fleet) -> None:
    checkout = fleet.root.parent
    proofs = find_proofs(checkout / "tests")
    rows = coverage(fleet, proofs, find_configured(checkout))
    assert check_coverage(fleet, rows, proofs) == []


def test_a_row_names_its_files_and_objects(fleet: Fleet) -> None:
    assert row(fleet, 28).declared_in == ("inventories/fleet/systems/mail.yml",)
    assert row(fleet, 14).declared_in[0] == "inventories/fleet/endpoints.yml#national-service-portal"
    assert "inventories/fleet/registers/rules.yml#rows.project06-frozen" in row(fleet, 48).declared_in


def test_a_documented_row_says_so(fleet: Fleet) -> None:
    documented = row(fleet, 102)
    assert documented.declared_in == ("inventories/fleet/features.yml#102 (documentation only)",)
    assert documented.state is CoverageState.DECLARED
    assert documented.as_dict()["documentation"] == fleet.features[102].documentation


def test_states_rise_with_what_stands_behind_a_row(fleet: Fleet) -> None:
    unit = Proof("tests/unit/test_a.py::test_a", (27,), live=False)
    live = Proof("tests/host/test_b.py::test_b", (27,), live=True)
    assert row(fleet, 27).state is CoverageState.DECLARED
    assert row(fleet, 27, unit).state is CoverageState.DECLARED
    assert row(fleet, 27, unit, roles=("ansible/roles/a/manifest.yml",)).state is CoverageState.CONFIGURED
    assert row(fleet, 27, unit, live).state is CoverageState.VERIFIED
    assert row(fleet, 27, unit, live).tests == (unit.test, live.test)


def test_a_system_with_room_on_a_cluster_is_configured_and_a_planned_one_is_not(fleet: Fleet) -> None:
    assert row(fleet, 28).configured_by == ("namespace mail",)
    assert row(fleet, 28).state is CoverageState.CONFIGURED
    assert row(fleet, 82).state is CoverageState.DECLARED


def test_a_collection_stands_for_every_row_its_objects_declare(fleet: Fleet) -> None:
    proof = Proof("tests/cluster/test_c.py::test_c", ("systems",), live=True)
    assert row(fleet, 28, proof).state is CoverageState.VERIFIED
    assert row(fleet, 72, proof).state is CoverageState.DECLARED


def test_one_object_stands_for_its_rows_only(fleet: Fleet) -> None:
    proof = Proof("tests/cluster/test_c.py::test_c", ("systems/mail", "registers/platforms"), live=True)
    verified = [one.id for one in coverage(fleet, [proof], {}) if one.state is CoverageState.VERIFIED]
    assert verified == [28, 47]


def test_a_live_proof_cannot_verify_what_nothing_declares(fleet: Fleet) -> None:
    without = {id_: system for id_, system in fleet.systems.items() if id_ != "mail"}
    poorer = replace(fleet, systems=MappingProxyType(without))
    proof = Proof("tests/host/test_b.py::test_b", (28,), live=True)
    lost = row(poorer, 28, proof)
    assert lost.state is CoverageState.MISSING
    findings = check_coverage(poorer, [lost], [proof])
    assert [(one.file, one.key, one.problem) for one in findings] == [
        ("inventories/fleet/features.yml", "28", "nothing declares this row")
    ]


def test_a_row_without_a_test_is_a_finding(fleet: Fleet) -> None:
    findings = check_coverage(fleet, [row(fleet, 28)], [])
    assert [(one.key, one.value, one.problem) for one in findings] == [
        ("28", "Official e-mail", "no test proves this row")
    ]


def test_a_test_that_proves_nothing_real_is_a_finding(fleet: Fleet) -> None:
    proofs = [Proof("tests/unit/test_a.py::test_a", ("sistems", 900), live=False)]
    findings = check_coverage(fleet, [], proofs)
    assert [(one.file, one.value, one.mend) for one in findings] == [
        ("tests/unit/test_a.py", "sistems", 'did you mean "systems"?'),
        ("tests/unit/test_a.py", "900", "declare this row or collection or name another"),
    ]


def test_proofs_are_read_from_functions_classes_and_modules(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    write(
        tests,
        "unit/test_one.py",
        "import pytest\n"
        "@pytest.mark.proves(1, 'systems')\n"
        "def test_a(): ...\n"
        "def test_unmarked(): ...\n"
        "@pytest.mark.proves(2)\n"
        "class TestB:\n"
        "    @pytest.mark.proves(3)\n"
        "    def test_c(self): ...\n"
        "@pytest.mark.proves(9)\n"
        "def helper(): ...\n",
    )
    write(
        tests,
        "host/common/test_two.py",
        "import pytest\npytestmark = [pytest.mark.lab, pytest.mark.proves('controls')]\ndef test_d(): ...\n",
    )
    assert find_proofs(tests) == (
        Proof("tests/host/common/test_two.py::test_d", ("controls",), live=True),
        Proof("tests/unit/test_one.py::test_a", (1, "systems"), live=False),
        Proof("tests/unit/test_one.py::TestB::test_c", (2, 3), live=False),
    )


def test_a_proof_that_has_to_be_computed_is_refused(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    write(tests, "unit/test_one.py", "import pytest\n@pytest.mark.proves(*ROWS)\ndef test_a(): ...\n")
    with pytest.raises(ProvinceError) as caught:
        find_proofs(tests)
    assert caught.value.message == "tests/unit/test_one.py, line 2: proves(*ROWS) cannot be read without running"


def test_a_test_file_that_is_not_python_is_named(tmp_path: Path) -> None:
    write(tmp_path / "tests", "unit/test_one.py", "def test_a(:\n")
    with pytest.raises(ProvinceError) as caught:
        find_proofs(tmp_path / "tests")
    assert caught.value.message.startswith("tests/unit/test_one.py, line 1: ")


def test_roles_say_which_rows_they_configure(tmp_path: Path) -> None:
    for role, text in (
        ("edge_time", "features: [21, 78]\n"),
        ("dc_logs", "features: [78]\n"),
        ("plain", "units: {}\n"),
    ):
        path = tmp_path / "ansible" / "roles" / role / "manifest.yml"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    assert find_configured(tmp_path) == {
        21: ("ansible/roles/edge_time/manifest.yml",),
        78: ("ansible/roles/dc_logs/manifest.yml", "ansible/roles/edge_time/manifest.yml"),
    }
