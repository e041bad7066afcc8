"""A change over a country: the waves of all provinces at once, and each wave in batches that one controller takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bench.country.figures import WaveSize
from province.fleet.fact import Body
from province.fleet.fleet import Fleet
from province.fleet.rollout import WaveStage
from province.fleet.waves import Wave, plan_waves


@dataclass(frozen=True)
class Batch:
    """The nodes of one province in one wave, by name: what one shard of a run works on."""

    wave: int
    stage: str
    province: str
    nodes: tuple[str, ...]


def plan_country(fleets: Mapping[str, Fleet], stages: Iterable[WaveStage]) -> tuple[Batch, ...]:
    """Every node of every province in the batch of its wave, wave by wave, then by province.

    The waves are those that a province would have, worked out over all communes together: a canary in one place, both
    bodies of a commune apart, islands last. Codes of communes are unique in the country.
    """
    communes = {code: commune for fleet in fleets.values() for code, commune in fleet.communes.items()}
    names: dict[tuple[str, Body], tuple[str, str]] = {}
    for province, fleet in fleets.items():
        for node in fleet.nodes:
            if node.commune and node.body:
                names[node.commune, node.body] = province, node.name
    batches = []
    for wave in plan_waves(communes, stages):
        shards: dict[str, list[str]] = {}
        for key in wave.nodes:
            province, name = names[key]
            shards.setdefault(province, []).append(name)
        batches += [Batch(wave.number, wave.stage, one, tuple(shards[one])) for one in sorted(shards)]
    return tuple(batches)


def wave_sizes(provinces: Mapping[str, str], waves: Iterable[Wave]) -> tuple[WaveSize, ...]:
    """How large waves and their batches are; `provinces` says in which province each commune is, by code."""
    found = []
    for wave in waves:
        batches = Counter(provinces[code] for code, _ in wave.nodes)
        found.append(
            WaveSize(stage=wave.stage, nodes=len(wave.nodes), batches=len(batches), largest=max(batches.values()))
        )
    return tuple(found)


def clashes(fleets: Iterable[Fleet]) -> list[str]:
    """What two provinces have and only one may: full names, addresses, autonomous systems, codes of communes."""
    owner: dict[str, str] = {}
    found = []
    for fleet in fleets:
        for claim in dict.fromkeys(_claims(fleet)):
            if claim in owner:
                found.append(f"{claim}: {owner[claim]} and {fleet.province.id}")
            owner.setdefault(claim, fleet.province.id)
    return found


def _claims(fleet: Fleet) -> Iterator[str]:
    yield f"province {fleet.province.code}"
    yield f"autonomous system {fleet.province.routing.core_asn}"
    yield from (f"commune {code}" for code in fleet.communes)
    for host in fleet.hosts.values():
        yield f"name {host.fqdn}"
        if host.asn:
            yield f"autonomous system {host.asn}"
        for interface in host.interfaces:
            yield from (f"address {address}" for address in interface.address.plain)
