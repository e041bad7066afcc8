"""The items of the CIS Kubernetes Benchmark: each in one row, each row with tests that exist, the page in step."""

from __future__ import annotations

from collections import Counter

import pytest

from province.docs.cis_kubernetes import PAGE, benchmark_page
from province.fleet.benchmark import BENCHMARK, BenchmarkRow, BenchmarkState, every_item
from province.fleet.load import load_fleet

from .test_cloud_criteria import CHECKOUT, is_there

REGISTERS = load_fleet("production").registers
ROWS = REGISTERS.cis_kubernetes.rows


@pytest.mark.proves(31, 78)
def test_the_page_is_the_register() -> None:
    page = benchmark_page(ROWS, REGISTERS.version_of(BENCHMARK))
    assert (CHECKOUT / PAGE).read_text(encoding="utf-8") == page, "run `province cloud --write`"


def test_every_item_stands_in_one_row() -> None:
    counted = Counter(number for row in ROWS for number in row.numbers)
    assert set(counted) == set(every_item())
    assert [number for number, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_names_tests_that_exist(row: BenchmarkRow) -> None:
    assert [proof for proof in row.proven_by if not is_there(proof)] == []


def test_what_differs_is_never_called_proven() -> None:
    for row in ROWS:
        assert (row.state is BenchmarkState.PROVEN) == bool(row.proven_by and row.open is None)
