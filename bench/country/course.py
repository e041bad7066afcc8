"""One course over the first provinces of a country that was written: `python -m bench.country.course ROOT N SAMPLE`.

A process of its own for each course, so that its memory is its own. All provinces stay in it together, which no real
controller needs: one province is the unit of a run. Times are of this process; what it imports is not in them.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from bench.country.figures import Result, Stage, WaveSize
from bench.country.plan import Batch, clashes, plan_country
from bench.country.synthetic import OURS
from province.fleet.check import check_fleet
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.inventory import inventory
from province.manifest.trust import stand_in

NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Course:
    """Stage after stage over the same provinces; every stage is timed by itself."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders
        self.fleets: dict[str, Fleet] = {}
        self.batches: tuple[Batch, ...] = ()
        self.stages: dict[str, Stage] = {}

    def run(self, sample: int) -> Result:
        """All stages; `sample` nodes of each province are rendered.

        `check`, `hosts` and `clashes` are parts of other stages, or answer questions beside the plan; a change needs
        `load`, `inventory` and `plan`.
        """
        self._stage("load", self._load)
        self._stage("check", self._check)
        self._stage("hosts", self._hosts)
        self._stage("inventory", self._inventory)
        self._stage("plan", self._plan)
        found = self._stage("clashes", lambda: len(clashes(self.fleets.values())))
        rendered = self._stage("render", lambda: self._render(sample))
        fleets = self.fleets.values()
        return Result(
            provinces=len(fleets),
            communes=sum(len(fleet.communes) for fleet in fleets),
            nodes=sum(len(fleet.nodes) for fleet in fleets),
            hosts=sum(len(fleet.hosts) for fleet in fleets),
            waves=tuple(_sizes(self.batches)),
            clashes=found,
            rendered=rendered,
            load_average=os.getloadavg()[0],
            stages=self.stages,
        )

    def _stage(self, name: str, work: Callable[[], int]) -> int:
        wall, cpu = time.perf_counter(), time.process_time()
        counted = work()
        self.stages[name] = Stage(
            seconds=round(time.perf_counter() - wall, 4),
            cpu_seconds=round(time.process_time() - cpu, 4),
            peak_mib=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        )
        return counted

    def _load(self) -> int:
        """Files to facts, with everything that `province check` looks at."""
        for folder in self.folders:
            self.fleets[folder.parent.name] = load_fleet(OURS, root=folder)
        return len(self.fleets)

    def _check(self) -> int:
        """What is checked across the files of a province, on fleets that have worked out nothing yet."""
        return sum(len(check_fleet(replace(fleet), fleet.sites)) for fleet in self.fleets.values())

    def _hosts(self) -> int:
        return sum(len(replace(fleet).hosts) for fleet in self.fleets.values())

    def _inventory(self) -> int:
        """What Ansible is given: groups, and the variables of every host."""
        return sum(len(inventory(fleet, NOW)["hosts"]) for fleet in self.fleets.values())

    def _plan(self) -> int:
        first = next(iter(self.fleets.values()))
        self.batches = plan_country(self.fleets, first.province.rollout.stages)
        return len(self.batches)

    def _render(self, sample: int) -> int:
        """The manifests of nodes at equal distances, with stand-ins for keys and certificates."""
        rendered = 0
        for fleet in self.fleets.values():
            builder = Builder(fleet, stand_in(fleet))
            for node in fleet.nodes[:: max(1, len(fleet.nodes) // sample)][:sample]:
                rendered += bool(builder.build(node).files)
        return rendered


def _sizes(batches: Iterable[Batch]) -> Iterator[WaveSize]:
    for (_, stage), members in groupby(batches, key=lambda one: (one.wave, one.stage)):
        nodes = [len(one.nodes) for one in members]
        yield WaveSize(stage=stage, nodes=sum(nodes), batches=len(nodes), largest=max(nodes))


def main() -> None:
    """Print the course as JSON."""
    root, provinces, sample = sys.argv[1:]
    folders = sorted(Path(root).glob("*/inventories"))[: int(provinces)]
    print(Course(folders).run(int(sample)).model_dump_json())


if __name__ == "__main__":
    main()
