"""The pages of the model say all of it: every system, every flow with its port, all private data."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.docs.flow_rows import FlowRow, flow_rows, touching
from province.docs.page import table
from province.docs.pages import pages
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.system import DataClass

from .conftest import Edit


@pytest.fixture(scope="module")
def rows(fleet: Fleet) -> tuple[FlowRow, ...]:
    return flow_rows(fleet)


def the(rows: tuple[FlowRow, ...], origin: str, target: str) -> FlowRow:
    found = [row for row in rows if (row.origin.text, row.target.text) == (origin, target)]
    assert len(found) == 1, found
    return found[0]


def test_every_flow_of_every_system_is_a_row(fleet: Fleet, rows: tuple[FlowRow, ...]) -> None:
    declared = [flow for one in (*fleet.systems.values(), *fleet.platform.values()) for flow in one.flows]
    assert len(rows) == len(declared) > 200
    text = pages(fleet)["flow-matrix.md"]
    for row in rows:
        assert f"| `{row.origin.text}` | `{row.target.text}` |" in text


def test_a_row_says_the_port_that_its_opener_sees(rows: tuple[FlowRow, ...]) -> None:
    seen = {
        ("zone/users", "e-office/web"): ("https", 443),
        ("e-office/web", "e-office/db"): ("tcp", 5432),
        ("e-office/documents", "signing/api"): ("tcp", 8080),
        ("one-stop/web", "external/vneid"): ("oidc", 443),
        ("external/payment-platform", "one-stop/payments"): ("https", 443),
    }
    assert {ends: ((one := the(rows, *ends)).protocol, one.port) for ends in seen} == seen


def test_a_system_shows_the_flows_that_others_declare(rows: tuple[FlowRow, ...]) -> None:
    assert any(row.declared_by == "tasks" for row in touching(rows, "e-office"))


def test_every_system_has_its_section_on_one_page(fleet: Fleet) -> None:
    texts = pages(fleet)
    for one in (*fleet.systems, *fleet.platform):
        assert sum(f"\n## {one}\n" in text for text in texts.values()) == 1, one


def test_the_register_lists_all_private_data_and_no_other(fleet: Fleet) -> None:
    text = pages(fleet)["data-protection.md"]
    for one in fleet.systems.values():
        private = one.data in {DataClass.PERSONAL, DataClass.SENSITIVE}
        assert (f"| `{one.id}`<br/>" in text) == private, one.id


def test_a_new_port_changes_the_pages(fleet: Fleet, edit: Edit, data: Path) -> None:
    before = pages(fleet)["flow-matrix.md"]
    edit("fleet/systems/e-office.yml", "documents: {image: null, port: 8080}", "documents: {image: null, port: 8443}")
    after = pages(load_fleet("production", root=data))["flow-matrix.md"]
    assert "| `e-office/web` | `e-office/documents` | tcp 8080 |" in before
    assert "| `e-office/web` | `e-office/documents` | tcp 8443 |" in after


def test_what_would_end_a_cell_does_not() -> None:
    assert table(("a", "b"), [("x|y", None)])[-1] == "| x\\|y | – |"
    with pytest.raises(ValueError, match="1 cells under 2 columns"):
        table(("a", "b"), [("x",)])
