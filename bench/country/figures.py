"""From courses to figures: what each stage costs a node, whether that stays flat, and whether the goals are met."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from bench.apply.figures import Goal
from bench.country.synthetic import SIZES
from province.fleet.fact import Fact

T = TypeVar("T")

PLANNING = ("load", "inventory", "plan")
"""What a change over all nodes needs before the first of them is asked; the other stages answer other questions."""

SECONDS, MEMORY_MIB, FLATNESS = 60, 2048, 1.2
"""The goals for a country: planned within a minute and 2 GiB, a node at most a fifth dearer than in one province."""

Course = Sequence["Result"]
"""The same provinces, once in every round."""


class Stage(Fact):
    """One stage of one course. `peak_mib` is the most memory that the process had until the stage's end."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


class WaveSize(Fact):
    """A wave of a change over the whole course: nodes, batches (one for each province), nodes of the largest batch."""

    stage: str
    nodes: int
    batches: int
    largest: int


class Result(Fact):
    """One course: what it went over, and its stages in order."""

    provinces: int
    communes: int
    nodes: int
    hosts: int
    waves: tuple[WaveSize, ...]
    clashes: int
    rendered: int
    load_average: float
    stages: dict[str, Stage]

    @property
    def planning(self) -> Stage:
        """Everything that is needed before the first node is asked."""
        parts = [self.stages[name] for name in PLANNING]
        return Stage(
            seconds=sum(one.seconds for one in parts),
            cpu_seconds=sum(one.cpu_seconds for one in parts),
            peak_mib=max(one.peak_mib for one in parts),
        )

    def cpu_ms_per_node(self, stage: str) -> float:
        """Milliseconds of processor time for each node; of rendering, for each node that was rendered."""
        nodes = self.rendered if stage == "render" else self.nodes
        cost = self.planning if stage == "planning" else self.stages[stage]
        return 1000 * cost.cpu_seconds / nodes


Round = Sequence[Result]
"""Courses that ran right after each other, the smallest first."""


def summary(rounds: Sequence[Round]) -> dict[str, object]:
    """Medians over the rounds, the least and the most beside them.

    The goals are those of the whole country: courses over a part of it say nothing about them. Whether the cost is flat
    is a ratio inside one round: the machine is not equally busy in the next one.
    """
    courses: list[Course] = [list(course) for course in zip(*rounds, strict=True)]
    stages = ["planning", *courses[0][0].stages]
    largest = courses[-1]
    flat = {name: _middle(rounds, partial(_ratio, name)) for name in stages if name != "plan"}
    seconds = statistics.median(one.planning.seconds for one in largest)
    memory = max(one.planning.peak_mib for one in largest)
    country = largest[0].provinces == len(SIZES)
    goals = (
        _at_most("seconds until all nodes are planned, median", SECONDS, seconds),
        _at_most("MiB of memory until all nodes are planned, most", MEMORY_MIB, memory),
        _at_most("CPU of a node's plan, in the country / in one province", FLATNESS, flat["planning"]["median"]),
    )
    return {
        "rounds": len(rounds),
        "load_average": _middle(largest, lambda one: one.load_average),
        "courses": [_course(course, stages) for course in courses],
        "cpu_of_a_node_in_the_largest_to_the_smallest_course": flat,
        "goals": [one.shown() for one in goals] if country else [],
    }


def _course(course: Course, stages: Sequence[str]) -> dict[str, object]:
    first = course[0]
    return {
        "provinces": first.provinces,
        "communes": first.communes,
        "nodes": first.nodes,
        "hosts": first.hosts,
        "waves": [one.model_dump() for one in first.waves],
        "clashes": first.clashes,
        "nodes_rendered": first.rendered,
        "stages": {name: _stage(course, name) for name in stages},
    }


def _stage(course: Course, name: str) -> dict[str, object]:
    found = [one.planning if name == "planning" else one.stages[name] for one in course]
    return {
        "seconds": _middle(found, lambda one: one.seconds),
        "cpu_seconds": _middle(found, lambda one: one.cpu_seconds),
        "cpu_ms_per_node": _middle(course, lambda one: one.cpu_ms_per_node(name)),
        "peak_mib": round(max(one.peak_mib for one in found)),
    }


def _at_most(what: str, limit: float, found: float) -> Goal:
    return Goal(what, limit, found, at_least=False)


def _ratio(stage: str, one: Round) -> float:
    return one[-1].cpu_ms_per_node(stage) / one[0].cpu_ms_per_node(stage)


def _middle(items: Sequence[T], value: Callable[[T], float]) -> dict[str, float]:
    found = [value(item) for item in items]
    return {
        "median": round(statistics.median(found), 3),
        "least": round(min(found), 3),
        "most": round(max(found), 3),
    }
