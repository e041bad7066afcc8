"""From published figures to what systems have to bear, each step an assumption that somebody can read and change.

Quantities of different units, scopes or times are never mixed: `Quantity` refuses it, and `check_sizing` says in which
result of `assumptions.yml` it was tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from province.fleet.assumption import PODS, Assumption, Assumptions, Result, Term
from province.fleet.fact import Figure, Period, SourceRef
from province.fleet.findings import Finding
from province.fleet.references import unresolved

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet

PERCENT = "%"
SIGNIFICANT = 9
"""Digits that a product of decimal factors is good for; what binary arithmetic adds behind them is no fact."""


TOGETHER = MappingProxyType({"en": "together", "vi": "cộng lại"})


class MixedScopesError(ValueError):
    """Two numbers do not count the same thing, of the same scope, in the same time."""


@dataclass(frozen=True)
class Quantity:
    """A number that knows what it counts (`unit`), whose it is (`scope`), in what time (`per`; None stands still)."""

    value: float
    unit: str
    scope: str
    per: Period | None = None

    @classmethod
    def of(cls, figure: Figure) -> Quantity:
        """What a figure says."""
        return cls(figure.value, figure.unit, figure.scope, figure.per)

    @property
    def measure(self) -> str:
        """What it counts, in words: `documents a quarter, former Kiên Giang`."""
        return f"{self.unit}{f' {self.per.phrase}' if self.per else ''}, {self.scope}"

    def __add__(self, other: Quantity) -> Quantity:
        """Their sum; MixedScopesError unless both count the same."""
        if (self.unit, self.scope, self.per) != (other.unit, other.scope, other.per):
            raise MixedScopesError(f"{other.measure} cannot be added to {self.measure}")
        return replace(self, value=self.value + other.value)

    def share(self, percent: Quantity) -> Quantity:
        """A published percentage of it; MixedScopesError unless that is of the same scope and time."""
        if percent.unit != PERCENT or (self.scope, self.per) != (percent.scope, percent.per):
            raise MixedScopesError(f"{percent.measure} is no share of {self.measure}")
        return replace(self, value=self.value * percent.value / 100)

    def under(self, assumption: Assumption) -> Quantity:
        """What an assumption makes of it; MixedScopesError when it speaks of something else."""
        for turn, is_ in ((assumption.unit, self.unit), (assumption.scope, self.scope), (assumption.per, self.per)):
            if turn and turn.origin != is_:
                raise MixedScopesError(f"turns {turn.origin or 'what stands still'}, and not {self.measure}")
        return Quantity(
            float(f"{self.value * assumption.factor:.{SIGNIFICANT}g}"),
            assumption.unit.to if assumption.unit else self.unit,
            assumption.scope.to if assumption.scope else self.scope,
            assumption.per.to if assumption.per else self.per,
        )


@dataclass(frozen=True)
class Step:
    """One line of a chain: what was taken (an id and its kind), why, and what is there after it."""

    kind: str
    id: str
    factor: str
    name: Mapping[str, str]
    reason: str
    source: SourceRef | None
    after: Quantity


@dataclass(frozen=True)
class Sized:
    """A result with the chain that leads to it."""

    id: str
    result: Result
    steps: tuple[Step, ...]
    quantity: Quantity

    def as_dict(self) -> dict[str, Any]:
        """The chain as `province sizing --json` prints it."""
        return {
            "id": self.id,
            "name": self.result.name.model_dump(),
            "system": self.result.system,
            "component": self.result.component,
            **_plain(self.quantity),
            "chain": [
                {
                    "kind": step.kind,
                    "id": step.id,
                    "factor": step.factor,
                    "name": dict(step.name),
                    "reason": step.reason,
                    "source": step.source,
                    **_plain(step.after),
                }
                for step in self.steps
            ],
        }


def size(fleet: Fleet) -> Mapping[str, Sized]:
    """Every result of the assumptions, by id; a loaded fleet has only results that can be computed."""
    found: dict[str, Sized] = {}
    for id_, result in fleet.assumptions.results.items():
        found[id_] = _sized(fleet, id_, result, found)
    return found


def pods_wanted(sized: Mapping[str, Sized]) -> Mapping[tuple[str, str], int]:
    """How many pods a component needs at peak, by system and component; the most that any result says."""
    found: dict[tuple[str, str], int] = {}
    for one in sized.values():
        if one.quantity.unit == PODS and one.result.system and one.result.component:
            key = (one.result.system, one.result.component)
            found[key] = max(found.get(key, 0), math.ceil(one.quantity.value))
    return found


def check_sizing(fleet: Fleet) -> list[Finding]:
    """Every name of a result is known, no chain mixes scopes, every assumption is used, and pods are enough at peak."""
    facts, file = fleet.assumptions, fleet.origins["assumptions"]
    findings = list(_names(fleet, file))
    if findings:
        return findings
    sized: dict[str, Sized] = {}
    for id_, result in facts.results.items():
        if any(term.result is not None and term.result not in sized for term in result.terms):
            continue
        try:
            sized[id_] = _sized(fleet, id_, result, sized)
        except MixedScopesError as error:
            mend = "take figures of one scope and time, or add the assumption that turns one into the other"
            findings.append(Finding(file, f"results.{id_}", "", str(error), mend))
        else:
            findings += _gives(facts, sized[id_], file)
    findings += _unused(facts, file)
    for (system, component), count in pods_wanted(sized).items():
        declared = fleet.systems[system].components[component].replicas_at_peak
        if declared < count:
            mend = f"declare `most_replicas: {count}`, or correct the assumption in {file}"
            problem = f"{count} pods are needed at peak (province sizing {system})"
            key = f"components.{component}.most_replicas"
            findings.append(Finding(fleet.origins[f"systems/{system}"], key, str(declared), problem, mend))
    return findings


def number(quantity: Quantity) -> str:
    """A value with as many digits as it is worth: pods as whole ones, else three digits and more before the point."""
    if quantity.unit == PODS:
        return f"{math.ceil(quantity.value):,}"
    return f"{quantity.value:,.0f}" if quantity.value >= 100 else f"{quantity.value:.3g}"


def text(quantity: Quantity) -> str:
    """A value with unit and time, without its scope."""
    unit = "pod" if number(quantity) == "1" and quantity.unit == PODS else quantity.unit
    return f"{number(quantity)} {unit}{f' {quantity.per.phrase}' if quantity.per else ''}"


def _sized(fleet: Fleet, id_: str, result: Result, earlier: Mapping[str, Sized]) -> Sized:
    steps: list[Step] = []
    ends: list[Quantity] = []
    for term in result.terms:
        own = _begin(fleet, term, earlier)
        own += _walk(fleet.assumptions, term.steps, own[-1].after)
        steps += own
        ends.append(own[-1].after)
    total = reduce(Quantity.__add__, ends)
    if len(ends) > 1:
        steps.append(Step("sum", "", "", TOGETHER, "", None, total))
    steps += _walk(fleet.assumptions, result.steps, total)
    return Sized(id_, result, tuple(steps), steps[-1].after)


def _begin(fleet: Fleet, term: Term, earlier: Mapping[str, Sized]) -> list[Step]:
    if term.result is not None:
        before = earlier[term.result]
        return [Step("result", before.id, "", before.result.name.model_dump(), "", None, before.quantity)]
    indicators = {row.id: row for row in fleet.registers.indicators.rows}
    if term.assumed is not None:
        given = fleet.assumptions.figures[term.assumed]
        names = given.name.model_dump()
        source = given.figure.source
        steps = [Step("assumed", term.assumed, "", names, given.reason, source, Quantity.of(given.figure))]
    else:
        row = indicators[str(term.figure)]
        steps = [Step("figure", row.id, "", row.name.model_dump(), "", row.figure.source, Quantity.of(row.figure))]
    if term.share is not None:
        row = indicators[term.share]
        after = steps[-1].after.share(Quantity.of(row.figure))
        factor = f"× {row.figure.value:g} %"
        steps.append(Step("share", row.id, factor, row.name.model_dump(), "", row.figure.source, after))
    return steps


def _walk(facts: Assumptions, names: tuple[str, ...], start: Quantity) -> list[Step]:
    steps: list[Step] = []
    for name in names:
        one = facts.assumptions[name]
        start = start.under(one)
        steps.append(Step("assumption", name, written(one), one.name.model_dump(), one.reason, one.source, start))
    return steps


def written(assumption: Assumption) -> str:
    """The factor as people write it: `× 2`, `÷ 58`, `× 30 %`."""
    if assumption.percent is not None:
        return f"× {assumption.percent:g} %"
    if assumption.divided_by is not None:
        return f"÷ {assumption.divided_by:,.10g}"
    return f"× {assumption.times:,.10g}"


def _names(fleet: Fleet, file: str) -> Iterator[Finding]:
    facts = fleet.assumptions
    indicators = {row.id for row in fleet.registers.indicators.rows}
    earlier: list[str] = []
    for id_, result in facts.results.items():
        at = f"results.{id_}"
        for number, term in enumerate(result.terms):
            for key, value, known, kind in (
                ("figure", term.figure, indicators, "indicator"),
                ("share", term.share, indicators, "indicator"),
                ("assumed", term.assumed, facts.figures, "assumed figure"),
                ("result", term.result, earlier, "result above it"),
            ):
                if value is not None:
                    yield from unresolved(file, f"{at}.terms.{number}.{key}", value, known, kind)
            for name in term.steps:
                yield from unresolved(file, f"{at}.terms.{number}.steps", name, facts.assumptions, "assumption")
        for name in result.steps:
            yield from unresolved(file, f"{at}.steps", name, facts.assumptions, "assumption")
        if result.system is not None:
            yield from unresolved(file, f"{at}.system", result.system, fleet.systems, "system")
            if result.component is not None and result.system in fleet.systems:
                known_parts = fleet.systems[result.system].components
                yield from unresolved(file, f"{at}.component", result.component, known_parts, "component")
        earlier.append(id_)


def _gives(facts: Assumptions, one: Sized, file: str) -> Iterator[Finding]:
    gives = one.result.gives
    wanted = replace(one.quantity, unit=gives.unit, scope=facts.scope, per=gives.per)
    if wanted != one.quantity:
        mend = f"it must be {wanted.measure}: correct its steps, or what it gives"
        yield Finding(file, f"results.{one.id}.gives", "", f"it comes out as {one.quantity.measure}", mend)


def _unused(facts: Assumptions, file: str) -> Iterator[Finding]:
    terms = [term for result in facts.results.values() for term in result.terms]
    steps = {name for term in terms for name in term.steps}
    steps |= {name for result in facts.results.values() for name in result.steps}
    figures = {term.assumed for term in terms}
    for key, names, used in (("assumptions", facts.assumptions, steps), ("figures", facts.figures, figures)):
        for name in names:
            if name not in used:
                yield Finding(file, f"{key}.{name}", "", "no result needs it", "name it in a step, or remove it")


def _plain(quantity: Quantity) -> dict[str, Any]:
    per = quantity.per.value if quantity.per else None
    return {"value": quantity.value, "unit": quantity.unit, "scope": quantity.scope, "per": per}
