"""The part of the benchmarks' page that is about Pulumi's stacks: what they cost, and how they do at scale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench.shown.results import plain, table


def stacks_part(figures: Mapping[str, Any]) -> Iterable[str]:
    """The paragraphs and tables of `bench pulumi` and `bench pulumi-scale`; none for one that has no result."""
    if found := figures.get("pulumi"):
        yield from _costs(found)
    if found := figures.get("pulumi-scale"):
        yield from _scale(found)


def _costs(found: Mapping[str, Any]) -> Iterable[str]:
    yield f"## Stacks: a site of {found['resources']} resources"
    yield (
        f"From nothing, {len(found['stacks'])} stacks take {plain(found['all_stacks_seconds'])} s one after the other, "
        f"one stack with the same resources {plain(found['one_stack']['created']['seconds'])} s. A plan of the site in "
        f"which nothing changed takes {plain(found['nothing_to_change']['seconds'])} s and starts "
        f"{len(found['nothing_to_change']['started'])} stacks."
    )
    changed = found["one_system_changed"]
    yield (
        f"After a change of the system `{changed['system']}` a plan of the site starts "
        f"{', '.join(f'`{name}`' for name in changed['started'])} and takes {plain(changed['plan_seconds'])} s; that "
        f"stack's preview with refresh takes {plain(changed['preview_with_refresh_seconds'])} s, a plain one "
        f"{plain(changed['preview_seconds'])} s."
    )
    words = {"created": "created", "preview": "previewed, nothing changed"}
    rows = [
        (words[what], plain(cost["start_seconds"]), plain(cost["ms_per_object"]))
        for what, cost in found["cost"].items()
    ]
    yield table(("objects are", "an empty program with the same imports, s", "each object beside it, ms"), rows)


def _scale(found: Mapping[str, Any]) -> Iterable[str]:
    yield f"## Stacks at scale: {found['nodes']} simulated nodes, {found['pods']:,} simulated pods"
    yield "Every system twice, each of its workloads delivered."
    columns = ("created", "preview", "up_without_change")
    rows = [(name, *(plain(one[column]["seconds"]) for column in columns)) for name, one in found["stacks"].items()]
    yield table(("stack", "created, s", "preview, s", "`up` without a change, s"), rows)
