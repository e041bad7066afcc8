"""Everything that is declared for clusters before kube-score, which holds it to the field's own advice.

Our own rules (`infra/policy`) say what must be; this says whether others would find something that we did not think of.
What it calls critical stands in `kube_score_exceptions.yml` with a reason and a last day, or fails.
"""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from infra.policy.record import Declared
from province.fleet.fact import Fact, NonBlank
from province.fleet.load import load_fleet
from province.toolchain import binary

from .conftest import ENVIRONMENTS, STACKS, stack_of

EXCEPTIONS = Path(__file__).with_name("kube_score_exceptions.yml")
CRITICAL = 1
"""kube-score's grade of what it would not let pass."""


class Criticism(NamedTuple):
    """One check that an object does not pass."""

    check: str
    kind: str
    place: str
    """`<namespace>/<name>`."""
    because: str


class Leave(Fact):
    """Leave not to pass one check: for a kind of object, and where `place` is given for one of them."""

    check: NonBlank
    kind: NonBlank
    place: NonBlank | None = None
    reason: NonBlank
    expires: date

    def covers(self, one: Criticism) -> bool:
        return (self.check, self.kind, self.place or one.place) == (one.check, one.kind, one.place)


@cache
def leaves() -> tuple[Leave, ...]:
    return tuple(Leave.model_validate(one) for one in yaml.safe_load(EXCEPTIONS.read_text(encoding="utf-8")))


@cache
def declared(environment: str) -> tuple[Declared, ...]:
    """Every object of every stack of an environment."""
    return tuple(one for stack in STACKS if stack[0] == environment for one in stack_of(*stack).objects)


def criticisms(objects: Iterable[Declared], kubernetes: str) -> Iterator[Criticism]:
    """What kube-score finds critical."""
    release = ".".join(kubernetes.split(".")[:2])
    words = [str(binary("kube-score")), "score", "--output-format", "json", "--kubernetes-version", f"v{release}", "-"]
    text = "\n---\n".join(json.dumps(_whole(one.body)) for one in objects)
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    for found in json.loads(done.stdout):
        for check in found["checks"]:
            if check["grade"] == CRITICAL and not check["skipped"]:
                meta = found["object_meta"]
                because = "; ".join(f"{one['path']}: {one['summary']}" for one in check["comments"] or [])
                place = f"{meta.get('namespace', '')}/{meta['name']}"
                yield Criticism(check["check"]["id"], found["type_meta"]["kind"], place, because)


def _whole(value: Any) -> Any:
    """What the engine carries, in which every number is a float, as the program had it."""
    if isinstance(value, Mapping):
        return {key: _whole(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@cache
def found(environment: str) -> tuple[Criticism, ...]:
    clusters = (site.cluster for site in load_fleet(environment).data_centres)
    (kubernetes,) = {one.kubernetes for one in clusters if one}
    return tuple(sorted(criticisms(declared(environment), kubernetes)))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nothing_that_is_declared_is_critical_but_what_has_leave(environment: str) -> None:
    assert [one for one in found(environment) if not any(leave.covers(one) for leave in leaves())] == []


def test_no_leave_is_over_or_for_nothing() -> None:
    every = [one for environment in ENVIRONMENTS for one in found(environment)]
    today = datetime.now(UTC).date()
    assert [leave for leave in leaves() if leave.expires < today] == []
    assert [leave for leave in leaves() if not any(leave.covers(one) for one in every)] == [], "nobody needs these"


def weakened(body: Mapping[str, Any]) -> dict[str, Any]:
    """A workload that runs as root on a file system that it may write, as much as it likes."""
    spoilt = copy.deepcopy(dict(body))
    container = spoilt["spec"]["template"]["spec"]["containers"][0]
    container["securityContext"] = {"runAsUser": 0, "privileged": True}
    container["resources"] = {}
    return spoilt


def test_a_workload_that_is_weakened_is_found() -> None:
    body = next(one.body for one in declared("lab") if one.kind == "Deployment")
    before = {one.check for one in criticisms([Declared(body)], "1.36.3")}
    after = {one.check for one in criticisms([Declared(weakened(body))], "1.36.3")}
    assert {"container-resources", "container-security-context-readonlyrootfilesystem"} <= after - before
