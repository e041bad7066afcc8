"""Layer `migration` in every phase: records, volumes and passages are there when the phase asks, and break no rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from infra.moves import moves_of
from infra.policy.ground import ground_of
from infra.policy.record import Declared
from infra.policy.rules import violations
from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.layer import MIGRATION
from province.fleet.load import load_fleet
from province.fleet.migration import Method, Phase
from province.fleet.old_sides import OldDatabase
from province.fleet.site import BackupStore, Provided, Site
from province.migration.declared import STORES, Store, Way
from province.migration.phases import FORWARD, Writes, on_target

from .conftest import STACKS, Synth, offering, stack_of, synthesise

DATABASES: dict[str, Any] = {
    "provides": (Provided.LOCAL_PATH, Provided.CLOUDNATIVE_PG),
    "backup_store": BackupStore(url="https://copies.example", bucket="copies", credentials="copies", source="A"),
}
OLD, PORT = "192.0.2.10", 5433
BY_DUMP = "document-gateway-an-giang"
"""A move that is made to go by the one method that no move of the province has."""


def moving(phase: Phase, *, known: bool = True, recovery: bool = False, **offers: Any) -> tuple[Fleet, Site]:
    """The province with every wave in one phase and a move of each method, at sites that can keep every database."""
    fleet = load_fleet("production")
    for site in fleet.data_centres:
        fleet, _ = offering(fleet, site, **(offers or DATABASES))
    plan = fleet.migration
    assert plan
    moves = {**plan.moves, BY_DUMP: plan.moves[BY_DUMP].model_copy(update={"method": Method.DUMP})}
    waves = {id_: wave.model_copy(update={"phase": phase}) for id_, wave in plan.waves.items()}
    old = {
        name: OldDatabase(source=f"host={OLD} port={PORT}", target="host=new")
        for name, move in moves.items()
        if known and move.method in {Method.LOGICAL, Method.DUMP}
    }
    environment = fleet.environment.model_copy(update={"old_databases": old})
    plan = plan.model_copy(update={"moves": moves, "waves": waves})
    return replace(fleet, migration=plan, environment=environment), fleet.data_centres[recovery]


@cache
def made(phase: Phase, *, known: bool = True, recovery: bool = False) -> Synth:
    return synthesise(*moving(phase, known=known, recovery=recovery), MIGRATION)


def of_moves(synth: Synth) -> dict[str, list[Declared]]:
    """Everything that is declared for moves, by the move that its label names."""
    found: dict[str, list[Declared]] = {}
    for one in synth.objects:
        if move := one.labels.get(synth.words.key("move")):
            found.setdefault(move, []).append(one)
    return found


def places(synth: Synth) -> set[str]:
    return {str(one) for one in synth.objects}


def test_every_method_is_among_the_moves() -> None:
    assert {one.move.method for one in moves_of(made(Phase.DECLARED).fleet).values()} == set(Method)


@pytest.mark.proves(29, 97)
@pytest.mark.parametrize("phase", Phase)
def test_every_move_is_found_by_its_labels_with_what_its_phase_asks_for(phase: Phase) -> None:
    synth = made(phase)
    found = of_moves(synth)
    for id_, one in moves_of(synth.fleet).items():
        record = synth.object("ConfigMap", "migration", id_)
        assert record in found[id_]
        target = on_target(phase, one.move.method)
        assert record.labels[synth.words.key("serves")] == ("new" if target.serves else "old")
        assert record.body["data"]["new-side-and-writes"] == target.writes
        kinds = sorted(other.kind for other in found[id_] if other != record)
        volume = target.store and STORES[one.move.method] is Store.VOLUME
        assert kinds == [
            *(["Deployment"] if volume else []),
            *["NetworkPolicy"] * len(one.declared.ways),
            *(["PersistentVolumeClaim"] if volume else []),
        ], id_
        for other in found[id_]:
            assert other.namespace == (one.move.system or "migration") or other == record
            labels = {word: other.labels[synth.words.key(word)] for word in ("wave", "phase")}
            assert labels == {"wave": str(one.wave.id), "phase": phase}


@pytest.mark.parametrize("phase", Phase)
def test_no_phase_breaks_a_rule(phase: Phase) -> None:
    for recovery in (False, True):
        synth = made(phase, recovery=recovery)
        broken = violations(synth.objects, ground_of(synth.fleet), datetime.now(UTC).date())
        assert [str(one) for one in broken] == []


def steps() -> list[tuple[Phase, Phase]]:
    return [*pairwise(FORWARD), *((phase, Phase.ROLLED_BACK) for phase in FORWARD[1:-1])]


@pytest.mark.parametrize(("now", "wanted"), steps())
def test_a_step_takes_no_store_away(now: Phase, wanted: Phase) -> None:
    gone = {one for one in places(made(now)) - places(made(wanted)) if one.startswith("PersistentVolumeClaim")}
    assert not gone


@pytest.mark.parametrize(
    ("wanted", "added", "gone"),
    [
        (Phase.PROVISIONED, {"PersistentVolumeClaim", "Deployment"}, set()),
        (Phase.REPLICATING, {"NetworkPolicy"}, set()),
        (Phase.REHEARSED, set(), set()),
        (Phase.FROZEN, set(), set()),
        (Phase.CUT_OVER, set(), set()),
        (Phase.SOAKING, set(), {"NetworkPolicy"}),
        (Phase.RETIRED, set(), {"NetworkPolicy"}),
    ],
)
def test_the_way_there_adds_first_and_takes_away_last(wanted: Phase, added: set[str], gone: set[str]) -> None:
    before, after = places(made(FORWARD[FORWARD.index(wanted) - 1])), places(made(wanted))
    assert {one.split()[0] for one in after - before} == added
    assert {one.split()[0] for one in before - after} == gone


@pytest.mark.parametrize("phase", Phase)
def test_pods_may_write_into_a_moves_volume_once_the_new_side_takes_writes(phase: Phase) -> None:
    synth = made(phase)
    for one in moves_of(synth.fleet).values():
        if one.declared.has_volume:
            pod = synth.object("Deployment", one.room.id, one.move.id).pod
            assert pod
            (mount,) = pod["containers"][0]["volumeMounts"]
            shut = on_target(phase, one.move.method).writes is Writes.REFUSES
            assert mount.get("readOnly", False) is shut, one.move.id


def test_a_volume_is_of_its_rooms_class_and_outlives_its_declaration() -> None:
    synth = made(Phase.REPLICATING)
    for one in moves_of(synth.fleet).values():
        if one.declared.has_volume:
            registered = synth.registered("PersistentVolumeClaim", one.room.id, one.move.id)
            assert (registered.protected, registered.retained) == (True, True)
            spec = registered.inputs["spec"]
            assert spec["storageClassName"] == ("shared" if one.room.level < 3 else f"system-{one.room.id}")
            assert spec["resources"]["requests"]["storage"] == f"{one.move.size_gib:g}Gi"


def test_everything_of_a_move_stands_in_the_one_protected_cluster() -> None:
    synth = made(Phase.REPLICATING)
    for one in synth.registrations:
        if one.is_object:
            assert f"::cluster/{synth.site.id}::" in one.provider, one.name
            assert one.create_within == "3m", one.name


def test_what_moves_into_a_room_finds_place_there() -> None:
    """Beside three servers of each of its databases."""
    fleet, _ = moving(Phase.REPLICATING)
    size = fleet.environment.databases
    for room in {one.room.id: one.room for one in moves_of(fleet).values()}.values():
        its = [one.move.size_gib for one in moves_of(fleet).values() if one.room == room and one.declared.has_volume]
        kept = sum(size.instances * size.storage_gib for part in room.components.values() if part.kind == "postgresql")
        assert sum(its) + kept <= room.quota_in(fleet.tiers).storage_gib, room.id


@pytest.mark.parametrize(("phase", "ways"), [(Phase.FROZEN, {*Way}), (Phase.SOAKING, {Way.FROM_OLD})])
def test_a_passage_is_between_one_database_and_one_host_and_port(phase: Phase, ways: set[Way]) -> None:
    synth = made(phase)
    for move in ("e-office-an-giang", "e-office-kien-giang"):
        policies = {str(one.name): one for one in of_moves(synth)[move] if one.kind == "NetworkPolicy"}
        assert set(policies) == {f"db-{way}-{move}" for way in ways}
        old = [{"ipBlock": {"cidr": f"{OLD}/32"}}]
        for name, one in policies.items():
            labels = {"app.kubernetes.io/part-of": "e-office", "app.kubernetes.io/component": "db"}
            assert one.spec["podSelector"] == {"matchLabels": labels}
            if "to-old" in name:
                assert one.spec["egress"] == [{"to": old, "ports": [{"protocol": "TCP", "port": PORT}]}]
                assert one.spec["policyTypes"] == ["Egress"]
            else:
                assert one.spec["ingress"] == [{"from": old, "ports": [{"protocol": "TCP", "port": 5432}]}]
                assert one.spec["policyTypes"] == ["Ingress"]


def test_as_long_as_nobody_names_the_old_side_the_way_stays_shut() -> None:
    """The rest of what the phase asks for is there."""
    without, with_ = places(made(Phase.REPLICATING, known=False)), places(made(Phase.REPLICATING))
    assert without < with_
    assert {one.split()[0] for one in with_ - without} == {"NetworkPolicy"}


@pytest.mark.parametrize("phase", Phase)
def test_the_recovery_site_keeps_account_and_nothing_else(phase: Phase) -> None:
    synth = made(phase, recovery=True)
    assert {one.kind for every in of_moves(synth).values() for one in every} == {"ConfigMap"}
    assert set(of_moves(synth)) == set(moves_of(synth.fleet))


def test_a_wave_is_refused_for_which_there_is_no_database() -> None:
    fleet, site = moving(Phase.PROVISIONED, provides=DATABASES["provides"])
    with pytest.raises(ProvinceError) as caught:
        synthesise(fleet, site, MIGRATION)
    said = str(caught.value)
    assert "inventories/fleet/migration/waves.yml, 3.phase: provisioned, but e-office has no database at" in said
    assert said.count("has no database") == 3, "two offices, and the one by a dump"
    assert "trial" not in said


@pytest.mark.parametrize("stack", [one for one in STACKS if one[2] == MIGRATION], ids=".".join)
def test_the_stack_as_it_is_today_keeps_account_of_every_move(stack: tuple[str, str, str]) -> None:
    synth = stack_of(*stack)
    assert synth.fleet.migration
    assert set(of_moves(synth)) == set(synth.fleet.migration.moves)
