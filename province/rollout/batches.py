"""Which hosts change together: canaries, then the data centres, then shares of the nodes, islands last.

The two bodies of a commune are never in one batch, nor two hosts of one role at one site: what a bad change costs,
the other one of the pair still does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from province.fleet.commune import Commune
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.rollout import Rollout
from province.fleet.site import SitePurpose
from province.fleet.waves import waves_of
from province.rollout.entries import PlannedBatch


def batches_of(fleet: Fleet, hosts: Iterable[Host]) -> tuple[PlannedBatch, ...]:
    """The batches of a run over these hosts of a fleet, by its province's rules."""
    recovery_first = sorted(fleet.data_centres, key=lambda site: site.purpose is not SitePurpose.RECOVERY)
    return plan_batches(hosts, fleet.communes, [site.id for site in recovery_first], fleet.province.rollout)


def plan_batches(
    hosts: Iterable[Host], communes: Mapping[str, Commune], sites: Sequence[str], rules: Rollout
) -> tuple[PlannedBatch, ...]:
    """Hosts in the order in which they change; `sites` says which site comes first.

    The first stage over the nodes are the canaries: a data centre serves every commune, so it does not go first.
    """
    chosen = list(hosts)
    nodes = {(host.commune, host.body): host.name for host in chosen if host.commune and host.body}
    islands = [code for code, commune in communes.items() if commune.location.island]
    soaks = {stage.id: stage.soak_seconds for stage in rules.stages}
    waves = [
        PlannedBatch(
            stage=wave.stage,
            hosts=tuple(nodes[node] for node in wave.nodes),
            soak_seconds=soaks.get(wave.stage, rules.soak_seconds),
        )
        for wave in waves_of(list(nodes), islands, rules.stages)
    ]
    canaries = [wave for wave in waves if wave.stage == rules.stages[0].id]
    centres = [batch for site in sites for batch in _of_site(site, chosen, rules.soak_seconds)]
    return (*canaries, *centres, *waves[len(canaries) :])


def _of_site(site: str, hosts: Iterable[Host], soak_seconds: int) -> list[PlannedBatch]:
    """A site's hosts, those of one number together: no two of them have the same role."""
    own = sorted((host for host in hosts if host.site == site), key=lambda host: host.index)
    return [
        PlannedBatch(stage=f"{site}-{number}", hosts=tuple(host.name for host in together), soak_seconds=soak_seconds)
        for number, together in groupby(own, key=lambda host: host.index)
    ]
