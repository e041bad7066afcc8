"""Whoever takes an object out of a system's room makes a test fail, for every object of every room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import pytest

from infra.recorder import Registration
from province.fleet.layer import LAYERS, PLATFORM, SYSTEMS
from province.fleet.load import load_fleet

from . import test_flows, test_rooms
from .conftest import Synth, stack_of

ENVIRONMENT = "lab"
SITE = load_fleet(ENVIRONMENT).primary_site.id
T = TypeVar("T")
OPENING = [one for one in LAYERS if one in SYSTEMS or one == PLATFORM]


def without(synth: Synth, one: Registration) -> Synth:
    return replace(synth, registrations=tuple(other for other in synth.registrations if other is not one))


def cluster(*, spoilt: Synth | None = None) -> test_flows.Cluster:
    """All policies of the site that open something, with one stack in the place of its whole one."""
    stacks = {layer: stack_of(ENVIRONMENT, SITE, layer) for layer in OPENING}
    if spoilt is not None:
        stacks[spoilt.layer] = spoilt
    fleet = stacks[PLATFORM].fleet
    policies = [one for stack in stacks.values() for one in test_flows.opening(stack.objects, stack.systems)]
    return test_flows.Cluster(fleet, fleet.sites[SITE], policies)


def fails(check: Callable[[T], None], seen: T) -> bool:
    try:
        check(seen)
    except AssertionError:
        return True
    return False


def guards(synth: Synth) -> Iterator[Registration]:
    """What every room has, object by object."""
    for one in (one for one in synth.registrations if one.is_object):
        name = "" if one.declared.kind == "Namespace" else str(one.declared.name)
        if (one.declared.kind, name) in test_rooms.IN_A_ROOM:
            yield one


def first_doors(synth: Synth) -> Iterator[Registration]:
    """One policy of each room that opens a flow, the first: all of them are compared in the same breath."""
    opening = {id(one.body) for one in test_flows.opening(synth.objects, synth.systems)}
    seen = set()
    for one in synth.registrations:
        if one.is_object and one.declared.namespace not in seen and id(one.inputs) in opening:
            seen.add(one.declared.namespace)
            yield one


def test_every_guard_of_every_room_is_missed_when_it_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    check = test_rooms.test_every_system_of_the_site_has_its_guarded_room_and_nothing_else_is_there
    caught, missed = 0, []
    for layer in SYSTEMS:
        synth = stack_of(ENVIRONMENT, SITE, layer)
        for one in guards(synth):
            if fails(check, without(synth, one)):
                caught += 1
            else:
                missed.append(one.name)
    with capsys.disabled():
        print(f"\nguards of rooms: {caught} of {caught + len(missed)} removals caught")
    assert missed == []
    assert caught == len(test_rooms.IN_A_ROOM) * sum(len(stack_of(ENVIRONMENT, SITE, one).systems) for one in SYSTEMS)


def test_a_door_of_every_room_is_missed_when_it_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    check = test_flows.test_each_declared_flow_is_opened_at_both_ends_and_nothing_else_is
    check(cluster())
    caught, missed = 0, []
    for layer in SYSTEMS:
        synth = stack_of(ENVIRONMENT, SITE, layer)
        for one in first_doors(synth):
            if fails(check, cluster(spoilt=without(synth, one))):
                caught += 1
            else:
                missed.append(one.name)
    with capsys.disabled():
        print(f"\ndoors of rooms: {caught} of {caught + len(missed)} removals caught")
    assert missed == []
    assert caught > len(SYSTEMS)
