"""The plan for the country is in step with the results and the model, and its arithmetic says what it claims."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.scale.national import CHANGES, Assumptions, HostCost, batch_seconds, evidence, objects, waves
from bench.scale.page import CHECKOUT, PAGE, read_facts, read_results, read_waves, scale_page

ASSUMED = Assumptions()
FACTS = read_facts()
COST = HostCost(controller_seconds=0.7, host_seconds=2.3, line_bytes=675_000, bytes_both=700_000)


def test_the_page_is_what_the_results_and_the_model_say() -> None:
    page = scale_page(read_results(), read_waves(), FACTS, ASSUMED)
    assert (CHECKOUT / PAGE).read_text(encoding="utf-8") == page, "run `python -m bench.scale`"


def test_every_node_of_the_country_is_in_a_wave() -> None:
    planned = read_waves()
    for change in CHANGES:
        assert sum(one.nodes for one in waves(read_results(), planned, change, FACTS, ASSUMED)) == 6642


def test_few_nodes_wait_for_their_lines() -> None:
    facts, cost = replace(FACTS, forks=20), replace(COST, controller_seconds=0.1)
    assert batch_seconds(1, cost, 5.4, facts, ASSUMED) == pytest.approx(1 + 2.3 + 0.1)
    assert batch_seconds(21, cost, 5.4, facts, ASSUMED) == pytest.approx(2 * 3.4)


def test_many_forks_wait_for_the_controller() -> None:
    facts = replace(FACTS, forks=10_000)
    assert batch_seconds(1000, COST, 5.4, facts, ASSUMED) == pytest.approx(1000 * 0.7 / (2 * 0.7))


def test_a_full_line_carries_what_the_class_is_sure_of() -> None:
    facts = replace(FACTS, mbps=6, limit=90, share_when_full=5)
    assert facts.free_mbps == pytest.approx(5.4)
    assert facts.full_mbps == pytest.approx(0.27)


def test_twice_the_checks_are_twice_the_evidence() -> None:
    once = evidence(read_results(), FACTS, ASSUMED)
    twice = evidence(read_results(), FACTS, replace(ASSUMED, checks=2 * ASSUMED.checks))
    assert twice.written_gib == pytest.approx(2 * once.written_gib)
    assert once.lines == once.hosts * ASSUMED.checks * 365


def test_objects_are_those_of_all_sites() -> None:
    for one in objects(read_results(), FACTS, ASSUMED):
        assert one.country == one.site * 34 * ASSUMED.sites
