"""A database is declared where somebody keeps it and its promise can be kept, and then with all that it needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
import yaml

from infra.components.database import databases
from infra.policy.ground import ground_of
from infra.policy.rules import violations
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.site import BackupStore, Provided, Site

from .conftest import Synth, offering, synthesise

KEPT: dict[str, Any] = {"provides": (Provided.LOCAL_PATH, Provided.CLOUDNATIVE_PG)}
STORE = BackupStore(url="https://copies.example", bucket="copies", credentials="copies", source="A")
OBSERVED: dict[str, Any] = {"provides": (*KEPT["provides"], Provided.MONITORING), "backup_store": STORE}
PROMISED, UNPROMISED = "tasks", "trial"


def cluster(environment: str, *, recovery: bool = False, **offers: Any) -> tuple[Fleet, Site]:
    """A fleet in which every data centre offers the same, and one of its sites."""
    fleet = load_fleet(environment)
    for site in fleet.data_centres:
        fleet, _ = offering(fleet, site, **offers)
    return fleet, fleet.data_centres[recovery]


@cache
def made(environment: str = "production", *, recovery: bool = False, **offers: Any) -> Synth:
    return synthesise(*cluster(environment, recovery=recovery, **offers), "systems-government")


def spec(synth: Synth, system: str) -> dict[str, Any]:
    return dict(synth.object("Cluster", system, "db").spec)


@pytest.mark.parametrize(
    ("offers", "declared"),
    [
        ({"provides": ()}, set()),
        ({"provides": (), "backup_store": STORE}, set()),
        (KEPT, {UNPROMISED}),
        ({**KEPT, "backup_store": STORE}, {PROMISED, UNPROMISED}),
    ],
)
def test_no_promise_is_begun_that_cannot_be_kept(offers: dict[str, Any], declared: set[str]) -> None:
    fleet, site = cluster("production", **offers)
    found = {
        id_
        for id_ in (PROMISED, UNPROMISED)
        if databases(fleet.systems[id_], fleet.tiers[fleet.systems[id_].tier], site)
    }
    assert found == declared


@pytest.mark.parametrize("environment", ["lab", "production"])
def test_its_size_is_what_the_environment_says(environment: str) -> None:
    synth = made(environment, **KEPT)
    size = synth.fleet.environment.databases
    found = spec(synth, UNPROMISED)
    assert found["instances"] == size.instances
    assert found["storage"]["size"] == f"{size.storage_gib}Gi"
    assert found["resources"]["requests"] == found["resources"]["limits"]


@pytest.mark.parametrize(("instances", "durability"), [(1, None), (2, "preferred"), (3, "required")])
def test_a_write_counts_when_a_second_server_has_it(instances: int, durability: str | None) -> None:
    """Of two servers one may be away without stopping the other; of three, never two at a time."""
    fleet, site = cluster("lab", **KEPT)
    size = fleet.environment.databases.model_copy(update={"instances": instances})
    fleet = replace(fleet, environment=fleet.environment.model_copy(update={"databases": size}))
    found = spec(synthesise(fleet, site, "systems-government"), UNPROMISED)
    synchronous = found["postgresql"].get("synchronous")
    assert synchronous == (durability and {"method": "any", "number": 1, "dataDurability": durability})
    assert found["enablePDB"] == (instances > 1), "a budget for the only server keeps its host from being emptied"


def test_nobody_says_a_password_in_the_clear() -> None:
    assert spec(made(**KEPT), UNPROMISED)["postgresql"]["pg_hba"] == ["hostnossl all all all reject"]


def test_it_is_protected_and_known_by_its_systems_labels() -> None:
    synth = made(**KEPT)
    registered = synth.registered("Cluster", UNPROMISED, "db")
    assert registered.protected
    assert registered.retained
    labels = registered.inputs["spec"]["inheritedMetadata"]["labels"]
    assert labels == {"app.kubernetes.io/part-of": UNPROMISED, "app.kubernetes.io/component": "db"}
    assert registered.inputs["spec"]["enableSuperuserAccess"] is False
    level = synth.fleet.systems[UNPROMISED].level
    assert registered.inputs["spec"]["storage"]["storageClass"] == ("shared" if level < 3 else f"system-{UNPROMISED}")


def test_its_servers_reach_each_other_the_api_server_and_nothing_else() -> None:
    synth = made(**KEPT)
    doors = synth.object("NetworkPolicy", UNPROMISED, "db-servers").spec
    own = {"podSelector": {"matchLabels": {"cnpg.io/cluster": "db"}}}
    planes = [host for host in synth.fleet.hosts_of(synth.site.id) if host.host_class == "control-plane"]
    addresses = {str(address) for host in planes for device in host.interfaces for address in device.address.plain}
    among, api = doors["egress"]
    assert doors["podSelector"] == own["podSelector"]
    assert among["to"] == [own]
    assert {block["ipBlock"]["cidr"].partition("/")[0] for block in api["to"]} == addresses
    assert [port["port"] for port in api["ports"]] == [6443]
    among, keeper = doors["ingress"]
    assert among["from"] == [own]
    (operator,) = keeper["from"]
    assert operator["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "databases"}
    assert [port["port"] for port in keeper["ports"]] == [8000]
    assert f"{UNPROMISED}/NetworkPolicy/db-servers" in synth.registered("Cluster", UNPROMISED, "db").after


def test_copies_keep_the_promise_of_the_tier() -> None:
    synth = made(**KEPT, backup_store=STORE)
    tier = synth.fleet.tiers[synth.fleet.systems[PROMISED].tier]
    found = spec(synth, PROMISED)
    assert found["postgresql"]["parameters"]["archive_timeout"] == f"{tier.rpo_minutes}min"
    store = found["backup"]["barmanObjectStore"]
    assert found["backup"]["retentionPolicy"] == f"{tier.backup_days}d"
    assert store["destinationPath"] == f"s3://copies/{synth.site.id}/{PROMISED}"
    assert store["s3Credentials"]["accessKeyId"] == {"name": "copies", "key": "id"}
    assert synth.object("ScheduledBackup", PROMISED, "db").spec["cluster"] == {"name": "db"}


def test_what_promises_nothing_has_no_copies() -> None:
    synth = made(**KEPT, backup_store=STORE)
    assert "backup" not in spec(synth, UNPROMISED)
    assert not [one for one in synth.objects if (one.kind, one.namespace) == ("ScheduledBackup", UNPROMISED)]


def test_the_recovery_site_follows_the_primary_one_from_its_copies() -> None:
    synth = made(recovery=True, **KEPT, backup_store=STORE)
    primary = synth.fleet.primary_site.id
    found = spec(synth, PROMISED)
    assert found["replica"] == {"enabled": True, "source": primary}
    assert found["bootstrap"] == {"recovery": {"source": primary}}
    (source,) = found["externalClusters"]
    assert source["name"] == primary
    assert source["barmanObjectStore"]["destinationPath"] == f"s3://copies/{primary}/{PROMISED}"
    assert found["backup"]["barmanObjectStore"]["destinationPath"] == f"s3://copies/{synth.site.id}/{PROMISED}"


@pytest.mark.parametrize("environment", ["lab", "production"])
def test_every_data_centre_has_a_database_today(environment: str) -> None:
    """Of systems that promise nothing about lost data: the others wait for a store for their copies."""
    fleet = load_fleet(environment)
    for site in fleet.data_centres:
        found = {one.id for one in fleet.systems_at(site) if databases(one, fleet.tiers[one.tier], site)}
        assert found == {UNPROMISED}


def test_the_primary_site_follows_nobody() -> None:
    found = spec(made(**KEPT, backup_store=STORE), PROMISED)
    assert "replica" not in found
    assert "initdb" in found["bootstrap"]


def test_what_waits_for_its_gate_breaks_no_rule_either() -> None:
    synth = made(**OBSERVED)
    assert [str(one) for one in violations(synth.objects, ground_of(synth.fleet), datetime.now(UTC).date())] == []


def observed(synth: Synth, system: str) -> dict[str, Any]:
    files: dict[str, Any] = synth.object("ConfigMap", system, "observability").body["data"]
    return files


def test_figures_are_offered_where_somebody_collects_them() -> None:
    assert not [one for one in made(**KEPT, backup_store=STORE).objects if one.kind == "ConfigMap"]
    synth = made(**OBSERVED)
    assert set(observed(synth, PROMISED)) == {"scrape.yml", "rules.yml", "dashboard.json"}
    door = synth.object("NetworkPolicy", PROMISED, "figures-from-monitoring").spec
    (way,) = door["ingress"]
    (collector,) = way["from"]
    assert collector["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}
    assert [port["port"] for port in way["ports"]] == [9187]


def test_alarms_come_before_the_promise_is_broken() -> None:
    synth = made(**OBSERVED)
    tier = synth.fleet.tiers[synth.fleet.systems[PROMISED].tier]
    rules = {
        rule["alert"]: rule
        for group in yaml.safe_load(observed(synth, PROMISED)["rules.yml"])["groups"]
        for rule in group["rules"]
    }
    assert tier.rpo_minutes
    assert tier.rto_minutes
    assert rules["DatabaseFollowsTooLate"]["expr"].endswith(f"> {tier.rpo_minutes * 60}")
    assert int(rules["DatabaseIsAway"]["for"].removesuffix("m")) < tier.rto_minutes
    assert {rule["labels"]["owner"] for rule in rules.values()} == {synth.fleet.systems[PROMISED].owner}
