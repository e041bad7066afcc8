"""Batches follow from the model alone, and keep what a commune or a site lives on."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.fleet.site import SitePurpose
from province.rollout.batches import batches_of
from province.rollout.entries import PlannedBatch

PRODUCTION = load_fleet("production")
HOSTS = list(PRODUCTION.hosts.values())


def members(fleet: Fleet, batch: PlannedBatch) -> list[Host]:
    return [fleet.hosts[name] for name in batch.hosts]


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from([host.name for host in HOSTS])))
def test_any_choice_of_hosts_is_cut_so_that_no_pair_changes_together(names: set[str]) -> None:
    batches = batches_of(PRODUCTION, [host for host in HOSTS if host.name in names])
    assert Counter(host for batch in batches for host in batch.hosts) == Counter(names)
    for batch in batches:
        own = members(PRODUCTION, batch)
        assert own
        communes = [host.commune for host in own if host.commune]
        pairs = [(host.site, host.host_class) for host in own if host.site]
        assert len(set(communes)) == len(communes), "both bodies of a commune"
        assert len(set(pairs)) == len(pairs), "two hosts of one role at one site"
        assert not (communes and pairs)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from([host.name for host in HOSTS if host.commune]), min_size=1))
def test_any_choice_of_nodes_has_one_or_two_canaries_first_and_islands_last(names: set[str]) -> None:
    batches = batches_of(PRODUCTION, [host for host in HOSTS if host.name in names])
    assert 1 <= len(batches[0].hosts) <= 2
    islands = [
        PRODUCTION.communes[host.commune or ""].location.island
        for batch in batches
        for host in members(PRODUCTION, batch)
    ]
    assert islands == sorted(islands)


def test_the_whole_province_goes_in_its_declared_shares() -> None:
    batches = batches_of(PRODUCTION, HOSTS)
    nodes = [(batch.stage, len(batch.hosts)) for batch in batches if members(PRODUCTION, batch)[0].commune]
    assert nodes == [
        ("canary", 2), ("early", 11), ("broad", 51), ("rest-party", 63), ("rest-people", 65),
        ("islands-party", 6), ("islands-people", 6),
    ]  # fmt: skip


def test_data_centres_follow_the_canaries_and_the_recovery_site_goes_first() -> None:
    kinds = [members(PRODUCTION, batch)[0] for batch in batches_of(PRODUCTION, HOSTS)]
    sites = [host.site for host in kinds if host.site]
    purposes = [PRODUCTION.sites[site].purpose for site in sites]
    assert kinds[0].commune
    assert all(host.site for host in kinds[1 : 1 + len(sites)])
    assert purposes == sorted(purposes, key=lambda purpose: purpose is not SitePurpose.RECOVERY)
    assert set(purposes) == {SitePurpose.RECOVERY, SitePurpose.PRIMARY}


def test_canaries_are_watched_for_as_long_as_their_stage_says() -> None:
    rules = PRODUCTION.province.rollout
    batches = batches_of(PRODUCTION, HOSTS)
    assert batches[0].soak_seconds == rules.stages[0].soak_seconds
    assert batches[1].soak_seconds == rules.soak_seconds


@pytest.mark.proves("province")
def test_the_lab_has_canaries_of_its_own() -> None:
    lab = load_fleet("lab")
    batches = batches_of(lab, lab.hosts.values())
    assert batches[0].stage == "canary"
    assert len(batches[0].hosts) == 2
    assert sum(len(batch.hosts) for batch in batches) == len(lab.hosts)
