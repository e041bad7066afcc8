"""National figures: pure arithmetic over the results of the benchmarks and over facts of the model.

Nothing here was measured over a country except what `bench country` says. Every other figure is a cost of one host or
one province times a count, and every count that nobody measured is an assumption with a name (`Assumptions`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from bench.country.figures import WaveSize

Results = Mapping[str, Mapping[str, Any]]
"""The content of `bench/results/<name>.json` by name."""

MEBI, GIGA = 2**20, 1e9
DAYS = 365


@dataclass(frozen=True)
class Change:
    """What a change costs: a kind that `bench apply` has measured on hosts of the lab."""

    name: str
    group: str
    tool: str

    def cost(self, results: Results) -> HostCost:
        """The measured cost of one host."""
        measured = results["apply"]["figures"][self.group][self.tool]
        return HostCost(
            controller_seconds=measured["controller_cpu_ms_per_host"] / 1000,
            host_seconds=measured["host_cpu_ms_per_host"] / 1000,
            line_bytes=max(measured["bytes_to_host"], measured["bytes_from_host"]),
            bytes_both=measured["bytes_to_host"] + measured["bytes_from_host"],
        )


CHANGES = (
    Change("everything, for the first time", "first_application", "everything"),
    Change("one file of ten", "no_change", "one_file"),
    Change("nothing, new connections", "no_change", "everything_new"),
)


@dataclass(frozen=True)
class HostCost:
    """Processor seconds of the controller and of the host; bytes on the line in its busier direction, and in both."""

    controller_seconds: float
    host_seconds: float
    line_bytes: float
    bytes_both: float


@dataclass(frozen=True)
class Assumptions:
    """What nobody measured. Another number here is another plan."""

    cores: int = 2
    """Of a controller; each as fast as one of the machine that the costs were measured on."""
    busy: float = 0.7
    """What of them a run may use: the rest is for the system, verification and whoever looks on."""
    checks: int = 130
    """Checks of one host in one verification, as in `bench evidence`."""
    runs_a_day: int = 1
    """Verifications of every host; the model calls evidence stale after a little more than a day."""
    sites: int = 2
    """Clusters of a province, the recovery site counted like the primary one: an upper bound."""


@dataclass(frozen=True)
class Facts:
    """What the model says. Capacities in megabit per second, shares and limits in percent, retention in months.

    `hosts`: nodes and hosts at sites of all provinces. `forks`: hosts at which one run works at the same time, as
    ansible.cfg has it.
    """

    mbps: int
    limit: float
    share_when_full: float
    uplink_gbps: float
    retention_months: int
    forks: int
    provinces: int
    hosts: int

    @property
    def free_mbps(self) -> float:
        """What a line carries for a change while nobody else uses it."""
        return self.mbps * self.limit / 100

    @property
    def full_mbps(self) -> float:
        """What is left of it for a change while every class of traffic wants the line."""
        return self.free_mbps * self.share_when_full / 100


@dataclass(frozen=True)
class Wave:
    """A wave of one change over the country; every province works at its batch with a controller of its own.

    Seconds until the largest batch is through, on lines that are free and on lines that are full. `alone_seconds`: the
    same wave by one controller for the whole country. `gigabytes`: over all lines, both directions.
    """

    stage: str
    nodes: int
    controllers: int
    largest: int
    free_seconds: float
    full_seconds: float
    alone_seconds: float
    gigabytes: float


def batch_seconds(nodes: int, cost: HostCost, mbps: float, facts: Facts, assumed: Assumptions) -> float:
    """How long one controller takes for so many nodes whose lines give it so many megabit per second.

    Whatever is scarcer decides: the controller's processor, or the nodes, of which as many go on side by side as
    there are forks, each for the time of its own line and its own processor.
    """
    by_processor = nodes * cost.controller_seconds / (assumed.cores * assumed.busy)
    one = cost.line_bytes * 8 / (mbps * 1e6) + cost.host_seconds + cost.controller_seconds
    return max(by_processor, ceil(nodes / facts.forks) * one)


def waves(
    results: Results, planned: Iterable[WaveSize], change: Change, facts: Facts, assumed: Assumptions
) -> tuple[Wave, ...]:
    """The waves that the model has `planned` for the country, with what a change of this kind takes in each."""
    cost = change.cost(results)
    return tuple(
        Wave(
            stage=one.stage,
            nodes=one.nodes,
            controllers=one.batches,
            largest=one.largest,
            free_seconds=batch_seconds(one.largest, cost, facts.free_mbps, facts, assumed),
            full_seconds=batch_seconds(one.largest, cost, facts.full_mbps, facts, assumed),
            alone_seconds=batch_seconds(one.nodes, cost, facts.free_mbps, facts, assumed),
            gigabytes=one.nodes * cost.bytes_both / GIGA,
        )
        for one in planned
    )


def largest_course(results: Results) -> Mapping[str, Any]:
    """The most provinces that `bench country` went over."""
    course: Mapping[str, Any] = results["country"]["figures"]["courses"][-1]
    return course


@dataclass(frozen=True)
class Objects:
    """Objects at API servers: of one site, and of all provinces; `largest` is the largest stack."""

    state: str
    site: int
    country: int
    largest: int


def objects(results: Results, facts: Facts, assumed: Assumptions) -> tuple[Objects, ...]:
    """What the stacks of one site register, in each state that `bench stacks` knows, times all sites."""
    stacks = results["stacks"]["figures"].values()
    states = next(iter(stacks))
    sites = facts.provinces * assumed.sites
    return tuple(
        Objects(state, total := sum(one[state] for one in stacks), total * sites, max(one[state] for one in stacks))
        for state in states
    )


@dataclass(frozen=True)
class Evidence:
    """A year of verification of all hosts: lines, and gibibytes as written, as kept, and in the table for questions."""

    hosts: int
    lines: int
    bytes_per_line: float
    written_gib: float
    kept_gib: float
    table_gib: float
    inspect_hours: float


def evidence(results: Results, facts: Facts, assumed: Assumptions) -> Evidence:
    """Bytes of a line as measured, times every check of every host on every day."""
    measured = results["evidence"]["figures"]
    lines = facts.hosts * assumed.checks * assumed.runs_a_day * DAYS
    per_line = measured["evidence_mib"] * MEBI / measured["lines"]
    table = measured["duckdb_parquet"]
    inspected = measured["verify_every_byte_and_signature"]["cpu_seconds"] / measured["lines"]
    written = lines * per_line / 2**30
    return Evidence(
        hosts=facts.hosts,
        lines=lines,
        bytes_per_line=per_line,
        written_gib=written,
        kept_gib=written * facts.retention_months / 12,
        table_gib=lines * table["mib"] / table["checks"] / 1024,
        inspect_hours=lines * inspected / 3600,
    )
