"""What people read of the benchmarks is in step with their results."""

from __future__ import annotations

import pytest

from bench.shown.page import PAGE, benchmark_page
from bench.shown.readme import BEGIN, READMES, with_table
from bench.shown.results import CHECKOUT, aims, read_results
from province.errors import ProvinceError

MEND = "run `python -m bench.shown`"


def test_the_page_is_what_the_results_say() -> None:
    assert (CHECKOUT / PAGE).read_text(encoding="utf-8") == benchmark_page(read_results()), MEND


@pytest.mark.parametrize("name", READMES)
def test_the_table_of_a_readme_is_what_the_results_say(name: str) -> None:
    text = (CHECKOUT / name).read_text(encoding="utf-8")
    assert with_table(text, name, read_results()) == text, MEND


def test_a_readme_without_its_marks_is_refused() -> None:
    with pytest.raises(ProvinceError, match="no single pair of marks"):
        with_table(f"only one: {BEGIN}", "README.md", read_results())


def test_a_goal_that_is_not_met_is_shown() -> None:
    page = benchmark_page(read_results())
    missed = [one for one in aims(read_results()) if not one.met]
    assert page.count("**no**") == len(missed)
    assert all(one.what in page for one in missed)
