"""The model without what makes one row of the mission real, and the tests that ought to see it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from province.fleet.coverage import Proof, find_proofs
from province.fleet.fact import Fact
from province.fleet.feature import FeatureKind
from province.fleet.fleet import Fleet
from province.fleet.register import Registers

TESTS = Path(__file__).resolve().parents[1]
WHOLE = ("systems", "endpoints", "controls")
"""Collections whose objects go as a whole; of others only the part that names the row, or the naming, can go."""
Check = Callable[[Fleet], None]


@dataclass(frozen=True)
class Mutation:
    """One row of the mission that loses everything which makes it real as one of its kinds."""

    row: int
    kind: FeatureKind
    fit: tuple[str, ...]

    def __str__(self) -> str:
        return f"row {self.row} as {self.kind}"

    def spoilt(self, fleet: Fleet) -> Fleet:
        """The model without it."""
        changes: dict[str, Any] = {
            name: {id_: one for id_, one in getattr(fleet, name).items() if self.row not in one.features}
            for name in WHOLE
            if name in self.fit
        }
        if "province" in self.fit:
            changes["province"] = _without(fleet.province, self.row)
        if "sites" in self.fit:
            changes["sites"] = {id_: _without(site, self.row) for id_, site in fleet.sites.items()}
        if names := [one.partition("/")[2].replace("-", "_") for one in self.fit if one.startswith("registers/")]:
            changes["registers"] = _poorer(fleet.registers, names, self.row)
        return replace(fleet, **changes)

    def caught_by(self, fleet: Fleet, proofs: Collection[Proof]) -> str:
        """The first test that fails without it, those of the row itself first; empty when none does."""
        subjects = self.subjects(fleet)
        mine = [one for one in proofs if subjects.intersection(one.subjects)]
        spoilt = self.spoilt(fleet)
        for proof in sorted(mine, key=lambda one: self.row not in one.subjects):
            if (check := runnable(proof.test)) and _fails(check, spoilt):
                return proof.test
        return ""

    def subjects(self, fleet: Fleet) -> set[int | str]:
        """What a test may name to prove this row: the number, and each object or collection that goes."""
        whole = {
            id_
            for name in WHOLE
            if name in self.fit
            for id_, one in getattr(fleet, name).items()
            if self.row in one.features
        }
        return {
            self.row,
            *self.fit,
            *(one.partition("/")[0] for one in self.fit),
            *(f"{WHOLE[0]}/{id_}" for id_ in whole),
        }


def proofs() -> tuple[Proof, ...]:
    """The tests of the model, which need nothing but the model."""
    return tuple(one for one in find_proofs(TESTS) if one.test.startswith("tests/unit/"))


@cache
def runnable(test: str) -> Check | None:
    """A test as a function of the model; None for one that needs more."""
    file, _, name = test.partition("::")
    found = getattr(importlib.import_module(file.removesuffix(".py").replace("/", ".")), name, None)
    if not inspect.isfunction(found) or list(inspect.signature(found).parameters) != ["fleet"]:
        return None
    check: Check = found
    return check


def _fails(check: Check, fleet: Fleet) -> bool:
    try:
        check(fleet)
    except AssertionError:
        return True
    return False


def _without(fact: Any, row: int) -> Any:
    """A fact without every part that names the row; where the fact itself does, it no longer names it."""
    changes = {name: _inside(getattr(fact, name), row) for name in type(fact).model_fields}
    if row in getattr(fact, "features", ()):
        changes["features"] = tuple(one for one in fact.features if one != row)
    return fact.model_copy(update=changes)


def _inside(value: Any, row: int) -> Any:
    if isinstance(value, Fact):
        return _without(value, row)
    if isinstance(value, Mapping):
        return {key: _inside(item, row) for key, item in value.items() if row not in getattr(item, "features", ())}
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(_inside(item, row) for item in value if row not in getattr(item, "features", ()))
    return value


def _poorer(registers: Registers, names: Collection[str], row: int) -> Registers:
    return registers.model_copy(update={name: _without(getattr(registers, name), row) for name in names})
