"""`province sizing`: what each system has to bear, from the published figure over every assumption to the result."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.table import Table

from province.cli.options import Environment, Json, Language, print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.capacity import Verdict, amount, verdicts
from province.fleet.findings import nearest
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.requests import Pods, pods_of, together
from province.fleet.sizing import Sized, Step, number, size, text
from province.fleet.stores import Store, stores

WIDTH_WITHOUT_TERMINAL = 120
"""Columns for text that goes to a file or a pipe."""


def sizing(
    system: Annotated[str | None, typer.Argument(help="A system; without one, all of them and the sites.")] = None,
    environment: Environment = "production",
    as_json: Json = False,
    lang: Language = "en",
) -> None:
    """Show how published figures become requests, storage, bandwidth and pods, and whether the hosts carry them."""
    fleet = load_fleet(environment)
    _must_be_known(fleet, system)
    results = [one for one in size(fleet).values() if system in {None, one.result.system}]
    judged = verdicts(fleet) if system is None else ()
    stored = stores(fleet) if judged else ()
    pods = list(pods_of(fleet, fleet.systems[system])) if system else []
    if as_json:
        print_json(_document(results, pods, judged, stored))
        return
    console = Console(width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL, highlight=False)
    if system is None:
        for part in _overview(fleet, results, lang):
            console.print(part)
        console.print()
        console.print(_sites(judged, stored))
    else:
        for one in results:
            console.print(_chain(one, lang))
        if not results:
            console.print("no published figure says how busy it is")
        console.print(_pods(fleet, system, pods))


def _must_be_known(fleet: Fleet, system: str | None) -> None:
    if system is None or system in fleet.systems:
        return
    guess = nearest(system, fleet.systems)
    raise ProvinceError(
        f"no system {system!r}",
        hint=f'did you mean "{guess}"?' if guess else "known: " + ", ".join(fleet.systems),
        exit_code=ExitCode.USAGE,
    )


def _overview(fleet: Fleet, results: Iterable[Sized], lang: str) -> Iterator[RenderableType]:
    """Under each system one line for each result: what, figure, factors, result."""
    for owner, its in groupby(results, key=lambda one: one.result.system):
        shown = fleet.systems[owner] if owner else fleet.province
        yield f"[bold]{shown.id}[/]  {shown.name.in_language(lang)}"
        table = Table(box=None, pad_edge=False, show_header=False)
        for width in (33, 27, 26, 31):
            table.add_column(width=width)
        for one in its:
            factors = " ".join(step.factor.replace(" ", "") for step in one.steps if step.factor not in {"", "× 1"})
            table.add_row(f"  {one.result.name.in_language(lang)}", _begins(one), factors, text(one.quantity))
        yield table


def _begins(one: Sized) -> str:
    """The figures that a result begins with; a unit that they share stands once."""
    found = [step.after for step in one.steps if step.kind in {"figure", "assumed", "result"}]
    if len({quantity.unit for quantity in found}) == 1:
        return f"{' + '.join(map(number, found))} {found[0].unit}"
    return " + ".join(f"{number(quantity)} {quantity.unit}" for quantity in found)


def _chain(one: Sized, lang: str) -> Table:
    """One result with every step on a line of its own, and why it is believed."""
    part = f" ({one.result.component})" if one.result.component else ""
    title = f"{one.result.name.in_language(lang)}{part}: {text(one.quantity)}"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", width=13, no_wrap=True)
    table.add_column(width=34)
    table.add_column(width=36)
    table.add_column(width=34)
    scope = ""
    for step in one.steps:
        shown = _made(step, scope)
        why = " ".join(filter(None, [step.reason, f"({step.source})" if step.source else ""]))
        table.add_row(step.factor, step.name[lang], shown, why)
        scope = step.after.scope
    table.add_row("")
    return table


def _made(step: Step, scope: str) -> str:
    """What is there after a step; whose it is only where that is new."""
    return f"= {text(step.after)}{f', {step.after.scope}' if step.after.scope != scope else ''}"


def _pods(fleet: Fleet, system: str, pods: Sequence[Pods]) -> Table:
    """What the system asks of each cluster, and what its room may have."""
    quota, asked = fleet.systems[system].quota_in(fleet.tiers), together(pods)
    table = Table(box=None, pad_edge=False, show_header=False)
    for one in pods:
        disk = f", {one.storage_gib} GiB of disk" if one.storage_gib else ""
        each = f"{one.each.cpu_millicores:,} millicores, {one.each.memory_mib:,} MiB{disk}"
        table.add_row(f"{one.count} × {one.component}", each)
    table.add_row("at peak", f"{amount(asked)}; its room may have {quota.cpu_cores} cores, {quota.memory_gib} GiB")
    return table


def _sites(judged: Iterable[Verdict], stored: Iterable[Store]) -> Table:
    table = Table("site", "lost", "pods", "asked at peak", "left", "", box=None, pad_edge=False)
    for one in judged:
        fits = "fits" if one.fits else f"{sum(pods.count for pods in one.homeless)} pods find no host"
        table.add_row(one.site, one.lost, str(one.pods), amount(one.asked), amount(one.offered), fits)
    for store in stored:
        fits = "fits" if store.fits else "does not fit"
        table.add_row(
            store.site, "one storage host", "", f"{store.stored_tb:,.0f} TB stored", f"{store.left_tb:,.0f} TB", fits
        )
    return table


def _document(
    results: Iterable[Sized], pods: Iterable[Pods], judged: Iterable[Verdict], stored: Iterable[Store]
) -> dict[str, Any]:
    return {
        "results": [one.as_dict() for one in results],
        "pods": [
            {
                "component": one.component,
                "count": one.count,
                "cpu_millicores": one.each.cpu_millicores,
                "memory_mib": one.each.memory_mib,
                "storage_gib": one.storage_gib,
            }
            for one in pods
        ],
        "sites": [
            {
                "site": one.site,
                "lost": one.lost,
                "pods": one.pods,
                "asked": vars(one.asked),
                "offered": vars(one.offered),
                "fits": one.fits,
            }
            for one in judged
        ],
        "stores": [{**vars(one), "fits": one.fits} for one in stored],
    }
