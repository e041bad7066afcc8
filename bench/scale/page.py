"""`docs/scale.md`, written from the results and the model so that no figure in it can go stale."""

from __future__ import annotations

import configparser
import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path

import yaml

from bench.country.figures import WaveSize
from bench.country.plan import wave_sizes
from bench.country.synthetic import SIZES, country, province_files, read_pattern
from bench.scale.national import (
    CHANGES,
    Assumptions,
    Facts,
    HostCost,
    Objects,
    Results,
    Wave,
    evidence,
    largest_course,
    objects,
    waves,
)
from bench.shown.results import table
from province.fleet.commune import Commune
from province.fleet.load import inventories_root, load_fleet
from province.fleet.waves import plan_waves
from province.verify.evidence import ROUTINE

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = "docs/scale.md"
USED = ("apply", "country", "evidence", "stacks")

HEAD = """\
# From one province to the country: a plan on paper
<!-- written by `python -m bench.scale` from bench/results/*.json and the model -->

Nobody has run this over a country. Measured is what one host, one site and one province cost, and what planning costs
for a synthetic country; the rest is multiplication. Each figure says where it is from, each assumption has a name.
The province is the unit: its network is closed, so its controller stands in it, and a country is that many of them at
the same time. Seconds come from a machine of two cores that other work shared: trust orders of magnitude.
"""

WAVES = """\
Waves are those of the model over all communes together (`province/fleet/waves.py`): one batch and one controller for
each province in a wave. *Free*: the line carries nothing else. *Full*: every class of traffic wants it, and the change
has what its class is sure of. *One for all*: one controller at the centre, lines free. The largest batch decides.
"""

MISSING = """\
## What is not in it
- Verification between waves: `bench verify` measured 20 nodes, no country. Durations are of applying alone.
- The time that a wave is watched before the next, and nodes that do not answer: they wait, no wave waits for them.
- The network between provinces, and a store for evidence in one place: no fact of the model says how fast either is.
- Hosts at sites: they are counted in the evidence, not in the waves, which are of edge nodes.
- A controller of another size, or real nodes with other processors: costs are those of hosts in the lab.
"""


def read_results() -> Results:
    """The results that the page uses."""
    folder = CHECKOUT / "bench" / "results"
    return {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in USED}


def read_facts() -> Facts:
    """What the model and the settings of Ansible say: the thinnest line, and the class that a change has for sure."""
    fleet = load_fleet("production")
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(CHECKOUT / "ansible.cfg", encoding="utf-8")
    lines = [commune.lines.of(body).mbps for commune in fleet.communes.values() for body in fleet.province.bodies]
    return Facts(
        mbps=min(lines),
        limit=fleet.province.utilisation_limit,
        share_when_full=min(one.thin_share for one in fleet.province.traffic.classes),
        uplink_gbps=min(link.gbps for link in fleet.primary_site.uplinks),
        retention_months=fleet.province.evidence.retention[ROUTINE],
        forks=settings.getint("defaults", "forks"),
        provinces=len(SIZES),
        hosts=2 * sum(SIZES) + len(SIZES) * sum(1 for host in fleet.hosts.values() if host.site),
    )


def read_waves() -> tuple[WaveSize, ...]:
    """The waves of the whole synthetic country, from its communes alone."""
    pattern = read_pattern(inventories_root())
    communes: dict[str, Commune] = {}
    provinces: dict[str, str] = {}
    for place in country():
        for name, text in province_files(pattern, place).items():
            if name.startswith("fleet/communes/"):
                commune = Commune.model_validate(yaml.load(text, Loader=yaml.CSafeLoader))
                communes[commune.code], provinces[commune.code] = commune, place.id
    return wave_sizes(provinces, plan_waves(communes, load_fleet("production").province.rollout.stages))


def scale_page(results: Results, planned: Sequence[WaveSize], facts: Facts, assumed: Assumptions) -> str:
    """The whole page."""
    parts = [HEAD, *_planning(results), *_costs(results), "## Waves", WAVES]
    for change in CHANGES:
        parts += [f"### {change.name.capitalize()}", *_waves(waves(results, planned, change, facts, assumed))]
    parts += [*_lines(results, facts), *_objects(objects(results, facts, assumed)), *_evidence(results, facts, assumed)]
    return "\n\n".join(part.rstrip("\n") for part in [*parts, *_assumptions(facts, assumed), MISSING]) + "\n"


def _planning(results: Results) -> Iterable[str]:
    course, figures = largest_course(results), results["country"]["figures"]
    ratio = figures["cpu_of_a_node_in_the_largest_to_the_smallest_course"]["planning"]["median"]
    cost = course["stages"]["planning"]
    yield "## Planning"
    yield (
        f"{course['provinces']} provinces, {course['communes']:,} communes, {course['nodes']:,} nodes and "
        f"{course['hosts'] - course['nodes']:,} hosts at sites are loaded, checked, put into inventories and planned "
        f"in {cost['cpu_seconds']['median']:.0f} s of one processor ({cost['seconds']['median']:.0f} s by the clock) "
        f"and {cost['peak_mib']:,} MiB, all in one process. A node costs {ratio:.2f} times what it costs in one "
        "province of 204. From `country.json`, which has every stage and every round."
    )
    if course["provinces"] < len(SIZES):
        yield (
            f"That is {course['provinces']} of {len(SIZES)} provinces: the whole country was not gone over yet "
            "(`python -m bench country` on a machine that is free for some minutes, then `python -m bench.scale`)."
        )
    yield table(
        ("stage", "ms of CPU for a node", "peak MiB"),
        [
            (name, f"{stage['cpu_ms_per_node']['median']:.2f}", f"{stage['peak_mib']:,}")
            for name, stage in course["stages"].items()
        ],
    )


def _costs(results: Results) -> Iterable[str]:
    yield "## What one node costs"
    nodes = results["apply"]["figures"]["hosts"]
    yield f"From `apply.json`, measured on {nodes} nodes of the lab; `host` is the processor of the node itself."
    rows = []
    for change in CHANGES:
        cost: HostCost = change.cost(results)
        seconds = (f"{cost.controller_seconds:.2f}", f"{cost.host_seconds:.2f}")
        rows.append((change.name, *seconds, f"{cost.bytes_both / 1e6:.2f}", f"`{change.group}.{change.tool}`"))
    yield table(("what changes", "controller, s", "host, s", "line, MB", "figure"), rows)


def _waves(found: Sequence[Wave]) -> Iterable[str]:
    yield table(
        ("wave", "nodes", "controllers", "largest batch", "free", "full", "one for all", "GB"),
        [(*_wave(one), f"{one.gigabytes:.2f}") for one in found],
    )
    free, full, alone = (
        sum(getattr(one, name) for one in found) for name in ("free_seconds", "full_seconds", "alone_seconds")
    )
    yield (
        f"All waves, one after another: {_duration(free)} on free lines, {_duration(full)} on full ones, with "
        f"{max(one.controllers for one in found)} controllers; {_duration(alone)} with one."
    )


def _wave(one: Wave) -> tuple[str, ...]:
    counts = (f"{one.nodes:,}", str(one.controllers), str(one.largest))
    return one.stage, *counts, *map(_duration, (one.free_seconds, one.full_seconds, one.alone_seconds))


def _lines(results: Results, facts: Facts) -> Iterable[str]:
    first = CHANGES[0].cost(results)
    at_once = facts.forks * facts.free_mbps
    yield "## Lines"
    yield (
        f"A line of {facts.mbps} Mbps may carry {facts.free_mbps:.1f} ({facts.limit:g} %); a change is sure of "
        f"{facts.full_mbps:.2f} ({facts.share_when_full:g} % of that) when it is full. The first application takes "
        f"{_duration(first.line_bytes * 8 / facts.free_mbps / 1e6)} of a free line and "
        f"{_duration(first.line_bytes * 8 / facts.full_mbps / 1e6)} of a full one. {facts.forks} nodes at once ask for "
        f"{at_once:.0f} Mbps at the site, {at_once / facts.uplink_gbps / 10:.1f} % of one uplink of "
        f"{facts.uplink_gbps:g} Gbps: the nodes' lines are the narrow place, the site's never."
    )


def _objects(found: Sequence[Objects]) -> Iterable[str]:
    yield "## Objects at API servers"
    yield (
        "From `stacks.json`: resources as the engine registers them, so providers and components are counted with the "
        "objects, for a catalogue like this one. No API server and no stack grows with the country: each site has its "
        "own."
    )
    rows = [(one.state.replace("_", " "), f"{one.site:,}", str(one.largest), f"{one.country:,}") for one in found]
    yield table(("state", "one site", "largest stack", "country"), rows)


def _evidence(results: Results, facts: Facts, assumed: Assumptions) -> Iterable[str]:
    found, provinces = evidence(results, facts, assumed), facts.provinces
    yield "## Evidence of a year"
    yield (
        f"{found.hosts:,} hosts, {assumed.checks} checks, {assumed.runs_a_day} run a day: {found.lines / 1e6:,.0f} "
        f"million lines of {found.bytes_per_line:.0f} bytes, {found.written_gib:,.0f} GiB, "
        f"{found.written_gib / provinces:.1f} GiB for a province. Kept for {facts.retention_months} months, that is "
        f"{found.kept_gib:,.0f} GiB. The table for questions takes {found.table_gib:.2f} GiB; it was measured on "
        "copies of a few days, which compress better than real ones. Looking at every byte and every signature takes "
        f"{60 * found.inspect_hours:.0f} minutes of one processor, {3600 * found.inspect_hours / provinces:.0f} s for "
        "a province. From `evidence.json`."
    )


def _assumptions(facts: Facts, assumed: Assumptions) -> Iterable[str]:
    """Each assumption by its name in `Assumptions`, then what is not assumed but read."""
    yield "## Assumptions"
    meaning = {
        "cores": "cores of a controller, each like one of the machine that was measured on",
        "busy": "share of them that a run may use",
        "checks": "checks of a host in one verification",
        "runs_a_day": "verifications of every host in a day",
        "sites": "clusters of a province; the recovery site is counted like the primary one, an upper bound",
    }
    yield table(
        ("name", "value", "meaning"),
        [(f"`{one.name}`", f"{getattr(assumed, one.name):g}", meaning[one.name]) for one in fields(assumed)],
    )
    yield (
        f"Every line of the country is one of {facts.mbps} Mbps, the thinnest that the model has; most are wider. "
        "Every province has the catalogue, the roles and the sites of this one. A run works at "
        f"{facts.forks} nodes at once (`forks` in `ansible.cfg`), and a node does nothing else meanwhile."
    )


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
