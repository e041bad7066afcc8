"""Whatever points at the wrong cluster is refused before anything is changed, in one clear error."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.cluster_access import kubeconfig_path
from province.fleet.descriptor import descriptor_path, shown
from province.fleet.load import load_fleet
from province.fleet.site import Site

from .conftest import CHECKOUT, LiveStack, copy_of_facts

pytestmark = pytest.mark.lab


@pytest.fixture
def stack(program_stack: LiveStack) -> LiveStack:
    """What is refused here is refused by each program in the same way, whatever the layer."""
    return program_stack


@pytest.fixture
def checkout(tmp_path: Path, stack: LiveStack) -> Path:
    """A folder with facts, descriptors and kubeconfigs like those of the lab, for a test to spoil."""
    return copy_of_facts(stack, tmp_path).parent


def other_site(stack: LiveStack) -> Site:
    return next(site for site in stack.fleet.data_centres if site.id != stack.site.id)


def resources(stack: LiveStack) -> dict[str, Any]:
    """What the stack's state holds, without the times."""
    state = json.loads(stack.pulumi("stack", "export").stdout)
    return {one["urn"]: one.get("inputs") for one in state["deployment"]["resources"]}


def refused(stack: LiveStack, checkout: Path, *texts: str) -> None:
    """`up` with the spoilt facts ends in one error with these texts, and the stack is as it was."""
    before = resources(stack)
    done = stack.pulumi("up", "--yes", "--skip-preview", PROVINCE_INVENTORIES=str(checkout / "inventories"))
    assert done.returncode != 0, done.stdout
    assert all(text in done.stdout for text in texts), done.stdout
    assert "Traceback" not in done.stdout
    assert len(before) > 1
    assert resources(stack) == before


def test_the_descriptor_of_the_other_site_is_refused(stack: LiveStack, checkout: Path) -> None:
    other = other_site(stack)
    mine = descriptor_path(checkout / "inventories", stack.fleet.environment.id, stack.site.id)
    shutil.copyfile(mine.with_name(f"{other.id}.yml"), mine)
    refused(
        stack,
        checkout,
        f"{shown(mine)} does not describe the cluster of {stack.site.id}",
        f"site: is {other.id}",
    )


def test_access_to_the_other_sites_cluster_is_refused(stack: LiveStack, checkout: Path) -> None:
    copied = load_fleet(stack.fleet.environment.id, checkout / "inventories")
    mine = kubeconfig_path(copied, stack.site)
    shutil.copyfile(kubeconfig_path(copied, other_site(stack)), mine)
    refused(stack, checkout, "kube_system_uid: is ", "the cluster that answers has ", "ca_sha256: is ")


def test_without_a_descriptor_nothing_is_applied(stack: LiveStack, checkout: Path) -> None:
    mine = descriptor_path(checkout / "inventories", stack.fleet.environment.id, stack.site.id)
    mine.unlink()
    refused(stack, checkout, f"{shown(mine)}: the cluster has no descriptor")


def test_a_stack_that_does_not_exist_is_one_error_with_the_nearest_name(stack: LiveStack, tmp_path: Path) -> None:
    wrong = replace(
        stack,
        layer=f"{stack.layer[:-1]}z",
        settings={**stack.settings, "PULUMI_BACKEND_URL": tmp_path.as_uri()},
    )
    try:
        assert wrong.pulumi("stack", "init").returncode == 0
        done = wrong.pulumi("preview")
        assert done.returncode != 0
        assert f"stack '{wrong.name}': no such stack" in done.stdout
        assert f'did you mean "{stack.name}"?' in done.stdout
        assert "Traceback" not in done.stdout
    finally:
        (CHECKOUT / "infra" / "stacks" / f"Pulumi.{wrong.name}.yaml").unlink(missing_ok=True)
