"""The matrix of the government cloud guideline is in step with the register, and names places and tests that exist."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from province.docs.cloud_criteria import PAGE, cloud_page
from province.fleet.cloud import CloudPart, CloudRequirement, CloudState
from province.fleet.load import load_fleet

CHECKOUT = Path(__file__).resolve().parents[2]
ROWS = load_fleet("production").registers.cloud_criteria.rows


def is_there(proof: str) -> bool:
    """Whether a test that is named as `file::function` is defined there."""
    file, _, test = proof.partition("::")
    tree = ast.parse((CHECKOUT / file).read_text(encoding="utf-8"))
    return test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.proves(31)
def test_the_page_is_the_register() -> None:
    assert (CHECKOUT / PAGE).read_text(encoding="utf-8") == cloud_page(ROWS), "run `province cloud --write`"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_names_places_and_tests_that_exist(row: CloudRequirement) -> None:
    for place in row.declared_in:
        assert (CHECKOUT / place).exists(), place
    assert [proof for proof in row.proven_by if not is_there(proof)] == []


def test_every_part_of_the_guideline_has_rows() -> None:
    assert {row.part for row in ROWS} == set(CloudPart)


def test_what_a_test_does_not_show_alone_is_never_called_proven() -> None:
    for row in ROWS:
        proven = bool(row.declared_in and row.proven_by and row.open is None)
        assert (row.state is CloudState.PROVEN) == proven
