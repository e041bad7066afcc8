"""What the real engine plans is judged before it is carried out: nothing is destroyed that cannot be made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from province.ops.plan_groups import describe, groups
from province.ops.plan_guard import frozen_changes, refusals

from .rendered_stack import Objects, RenderedStack, rendered_stack

FROZEN = "province.example/frozen"


def body(version: str, kind: str, name: str, spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    place = {} if kind in {"Namespace", "CustomResourceDefinition"} else {"namespace": "mail"}
    found = {"apiVersion": version, "kind": kind, "metadata": {"name": name, **place, **metadata}}
    return {**found, **({"spec": spec} if spec else {})}


def claim(name: str = "letters", storage_class: str = "system-mail") -> tuple[str, dict[str, Any]]:
    spec = {
        "storageClassName": storage_class,
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    return "kubernetes:core/v1:PersistentVolumeClaim", body("v1", "PersistentVolumeClaim", name, spec)


def namespace(name: str = "mail") -> tuple[str, dict[str, Any]]:
    return "kubernetes:core/v1:Namespace", body("v1", "Namespace", name)


def database(name: str = "letters") -> tuple[str, dict[str, Any]]:
    return "kubernetes:postgresql.cnpg.io/v1:Cluster", body("postgresql.cnpg.io/v1", "Cluster", name, {"instances": 1})


def service(number: int, port: int, **labels: str) -> tuple[str, dict[str, Any]]:
    spec = {"ports": [{"port": port}], "selector": {"app": "web"}}
    return "kubernetes:core/v1:Service", body("v1", "Service", f"web-{number}", spec, labels=labels)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[RenderedStack]:
    with rendered_stack(tmp_path, "lab.here.plans") as made:
        made.say(STANDING)
        made.up()
        yield made


STANDING: Objects = [namespace(), claim(), database(), *(service(number, 80) for number in range(3))]
OTHER_PORT = {"ports": [{"port": 81}]}


def without(kind: str) -> Objects:
    return [one for one in STANDING if one[1]["kind"] != kind]


TRIES: dict[str, tuple[Callable[[RenderedStack], None], str]] = {
    "another cluster": (lambda stack: stack.say(STANDING, cluster="two"), "provider cluster/here"),
    "a namespace gone": (lambda stack: stack.say(without("Namespace")), "namespace cluster/Namespace/mail"),
    "a volume of another class": (
        lambda stack: stack.say([*without("PersistentVolumeClaim"), claim(storage_class="shared")]),
        "volume mail/PersistentVolumeClaim/letters",
    ),
    "a database renamed": (
        lambda stack: stack.say([*without("Cluster"), database("post")]),
        "database mail/Cluster/letters",
    ),
}


@pytest.mark.parametrize(("try_it", "what"), TRIES.values(), ids=TRIES)
def test_a_plan_that_destroys_is_refused_in_both_its_forms(
    stack: RenderedStack, try_it: Callable[[RenderedStack], None], what: str
) -> None:
    try_it(stack)
    for plan in (stack.preview(), stack.saved_plan()):
        found = refusals(plan)
        assert what in {one.resource for one in found}, plan
        assert all(one.reason and one.instead for one in found)


@pytest.mark.parametrize("what", ["a namespace gone", "a volume of another class", "a database renamed"])
def test_what_is_protected_is_refused_by_us_and_not_only_by_the_engine(stack: RenderedStack, what: str) -> None:
    """The engine stops, and advises to take the protection off; what it planned is there, so our reason is said."""

    def care(objects: Objects) -> list[tuple[bool, bool]]:
        return [(one["metadata"]["name"] in ("mail", "letters"), False) for _, one in objects]

    stack.say(STANDING, care=care(STANDING))
    stack.up()
    declared = {
        "a namespace gone": without("Namespace"),
        "a volume of another class": [*without("PersistentVolumeClaim"), claim(storage_class="shared")],
        "a database renamed": [*without("Cluster"), database("post")],
    }
    stack.say(declared[what], care=care(declared[what]))
    assert TRIES[what][1] in {one.resource for one in refusals(stack.stopped_preview())}


def test_a_plan_that_destroys_nothing_is_not_refused_and_reads_as_one_change(stack: RenderedStack) -> None:
    stack.say([*without("Service"), *(service(number, 81) for number in range(3)), service(3, 80)])
    preview = stack.preview()
    assert refusals(preview) == refusals(stack.saved_plan()) == []
    update, create = groups(preview)
    assert update.lines == ("~ spec.ports.0.port: 80 => 81",)
    assert len(update.members) == 3
    assert describe([create]) == ["create 1 Service: mail/Service/web-3"]


def test_a_plan_without_changes_is_a_plan(stack: RenderedStack) -> None:
    preview = stack.preview()
    assert refusals(preview) == refusals(stack.saved_plan()) == []
    assert groups(preview) == ()


def test_a_frozen_object_changes_only_under_an_approval(stack: RenderedStack) -> None:
    stack.say([*STANDING, service(9, 80, **{FROZEN: "true"})])
    stack.up()
    stack.say([*STANDING, service(9, 81, **{FROZEN: "true"})])
    preview = stack.preview()
    assert [one.resource for one in frozen_changes(preview, FROZEN, approved=[])] == ["Service mail/Service/web-9"]
    assert frozen_changes(preview, FROZEN, approved=["mail"]) == []


def test_up_keeps_to_the_plan_that_was_read(stack: RenderedStack) -> None:
    """What changed after the review is not done: the engine itself holds `up --plan` to what was saved."""
    stack.say([*STANDING, service(3, 80)])
    stack.saved_plan()
    stack.say([*STANDING, service(3, 80), service(4, 80)])
    done = stack.pulumi("up", "--yes", "--skip-preview", "--plan", str(stack.folder / "plan.json"))
    assert done.returncode != 0
    assert "is not allowed by the plan" in done.stdout
