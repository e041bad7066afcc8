"""What we declare for the operator of databases is what its pinned source says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from infra.components import database_operator as operator
from province.fleet.layer import PLATFORM
from province.fleet.load import load_fleet
from province.fleet.site import Provided
from province.toolchain import kinds

from ..synth.conftest import offering, synthesise

pytestmark = pytest.mark.lab

MODULE = "cloudnative-pg"


def documents(file: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((kinds.source(MODULE) / "config" / file).read_text(encoding="utf-8")))


def test_the_kinds_are_those_of_the_source() -> None:
    assert kinds.read(MODULE) == kinds.from_source(MODULE), "run `province toolchain kinds`"


def allowed(rules: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_it_may_do_what_its_release_asks_but_for_kinds_that_we_have_not() -> None:
    (role,) = documents("rbac/role.yaml")
    left_out = allowed(role["rules"]) - allowed(operator.RIGHTS)
    assert allowed(operator.RIGHTS) <= allowed(role["rules"])
    assert {group for group, _, _ in left_out} == {"monitoring.coreos.com", "snapshot.storage.k8s.io"}


def test_it_is_asked_about_the_same_objects_at_the_same_addresses() -> None:
    def asked(configuration: Mapping[str, Any]) -> set[tuple[str, str, str]]:
        return {
            (hook["name"], hook["clientConfig"]["service"]["path"], json.dumps(hook["rules"], sort_keys=True))
            for hook in configuration["webhooks"]
        }

    fleet = load_fleet("lab")
    synth = synthesise(*offering(fleet, fleet.primary_site, provides=tuple(Provided)), PLATFORM)
    declared = {one.kind: one.body for one in synth.objects}
    for released in documents("webhook/manifests.yaml"):
        assert asked(declared[released["kind"]]) == asked(released)
