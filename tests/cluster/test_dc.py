"""`province dc` on the running clusters: it starts nothing for nothing, and stops with one clear error, not a mess."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.cluster_access import kubeconfig_path
from province.errors import ExitCode
from province.fleet.layer import CLUSTER, LAYERS, SYSTEMS
from province.fleet.load import inventories_root, load_fleet
from province.ops import data_centre
from province.ops.data_centre import AS_BEFORE, DataCentre
from province.ops.plan_guard import refusals
from province.ops.workplace import Workplace
from province.toolchain import pulumi_home

from .conftest import CHECKOUT, ENVIRONMENT, Dc, LiveStack, raised, steps, wait_until

pytestmark = [pytest.mark.lab, pytest.mark.soak]

LAYER = list(SYSTEMS)[-1]
"""A small one: what is tried here is the same for each."""

STATE = pulumi_home.STATE_DIR / "state" / ".pulumi"


@pytest.fixture(scope="module")
def one(settings: dict[str, str]) -> LiveStack:
    """One stack of the recovery site."""
    fleet = load_fleet(ENVIRONMENT)
    return LiveStack(fleet, fleet.data_centres[-1], LAYER, settings)


def test_no_stack_is_started_while_nothing_changed(one: LiveStack) -> None:
    """As `province up` left them."""
    centre = DataCentre(Workplace.of(one.fleet), one.fleet, one.site, with_hosts=False)
    planned = list(data_centre.plan(centre))
    assert [step.name for step in planned] == [centre.stack(layer) for layer in LAYERS]
    assert [step for step in planned if step.failed or AS_BEFORE not in step.line] == []


@pytest.fixture
def elsewhere(one: LiveStack, tmp_path: Path) -> Path:
    """The facts in another checkout, from which another path leads to the same cluster."""
    shutil.copytree(inventories_root(), tmp_path / "inventories")
    access = kubeconfig_path(one.fleet, one.site).parent
    shutil.copytree(access, tmp_path / access.relative_to(one.fleet.root.parent))
    return tmp_path / "inventories"


def planned(one: LiveStack, inventories: Path) -> Any:
    done = one.pulumi("preview", "--json", PROVINCE_INVENTORIES=str(inventories))
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def changes(plan: Any) -> dict[str, str]:
    """What is not left as it is, by the resource's name."""
    return {step["urn"].rpartition("::")[2]: step["op"] for step in plan["steps"] if step["op"] != "same"}


def test_another_path_to_the_same_cluster_replaces_nothing(one: LiveStack, elsewhere: Path) -> None:
    plan = planned(one, elsewhere)
    assert changes(plan) == {f"cluster/{one.site.id}": "update"}
    assert refusals(plan) == []


def test_a_changed_fact_is_planned_where_it_is_declared(one: LiveStack, elsewhere: Path) -> None:
    system = one.systems[0]
    file = elsewhere / "fleet" / "systems" / f"{system.id}.yml"
    text = file.read_text(encoding="utf-8")
    assert system.name.vi in text
    file.write_text(text.replace(system.name.vi, f"{system.name.vi} mới"), encoding="utf-8")
    found = changes(planned(one, elsewhere))
    assert found[f"{system.id}/Namespace/{system.id}"] == "update"
    assert set(found.values()) == {"update"}


def test_a_wrong_passphrase_is_one_error(one: LiveStack, tmp_path: Path) -> None:
    wrong = tmp_path / "passphrase"
    wrong.write_text("another one\n", encoding="ascii")
    done = one.pulumi("preview", PULUMI_CONFIG_PASSPHRASE_FILE=str(wrong))
    assert done.returncode != 0
    assert "incorrect passphrase" in done.stdout + done.stderr


@pytest.fixture
def spoilt(one: LiveStack) -> Iterator[Path]:
    """The stack's own file, with something that is no YAML in it."""
    file = CHECKOUT / "infra" / "stacks" / f"Pulumi.{one.name}.yaml"
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole + "config: [\n", encoding="utf-8")
    yield file
    file.write_text(whole, encoding="utf-8")


def test_a_malformed_stack_file_is_named(dc: Dc, one: LiveStack, spoilt: Path) -> None:
    """With the line; Pulumi itself stops, too, but does not say which file it means."""
    lines = spoilt.read_text(encoding="utf-8").count("\n")
    says = f"line {lines + 1}, column 1: not valid YAML: did not find expected node content; correct the syntax there"
    raised(dc("plan", one.site.id, LAYER), f"infra/stacks/{spoilt.name}", says)
    plain = one.pulumi("preview")
    assert plain.returncode != 0
    assert "invalid YAML file" in plain.stdout + plain.stderr


@pytest.fixture
def without_state(one: LiveStack, tmp_path: Path) -> Iterator[None]:
    """The backend has lost the stack."""
    (file,) = STATE.glob(f"stacks/**/{one.name}.json")
    kept = shutil.move(file, tmp_path / file.name)
    yield
    shutil.move(kept, file)


def test_a_lost_state_is_never_taken_for_an_empty_cluster(dc: Dc, one: LiveStack, without_state: None) -> None:
    for verb in (("plan",), ("up", "--reason", "test")):
        done = dc(verb[0], one.site.id, LAYER, *verb[1:])
        raised(done, f"the backend has no state of {one.name}", "pulumi stack import")


def test_what_carries_others_is_not_taken_down(dc: Dc, one: LiveStack) -> None:
    done = dc("down", one.site.id, CLUSTER, "--reason", "test", typed=f"{one.name}\n")
    raised(done, f"stack {ENVIRONMENT}.{one.site.id}.{CLUSTER} carries others: ")


def test_nothing_is_taken_down_unless_its_name_is_typed(dc: Dc, one: LiveStack) -> None:
    before = one.pulumi("stack", "export").stdout
    done = dc("down", one.site.id, LAYER, "--reason", "test", typed="yes\n")
    assert done.returncode == ExitCode.USAGE, done.stderr
    assert "stays, protected: " in done.stdout
    assert one.pulumi("stack", "export").stdout == before


@pytest.fixture
def stopped(one: LiveStack) -> Iterator[subprocess.Popen[bytes]]:
    """An `up` that holds its stack and does not go on; killed at the end, if the test has not done so."""
    locks = STATE / "locks"
    words = one.command("up", "--yes", "--skip-preview")
    with subprocess.Popen(
        words, cwd=CHECKOUT, env={**os.environ, **one.settings}, stdout=subprocess.DEVNULL
    ) as process:
        wait_until(lambda: any(one.name in str(file) for file in locks.rglob("*.json")), "the stack is locked")
        process.send_signal(signal.SIGSTOP)
        yield process
        process.kill()


def test_a_stack_is_only_freed_when_its_run_is_gone(dc: Dc, one: LiveStack, stopped: subprocess.Popen[bytes]) -> None:
    held = dc("up", one.site.id, LAYER, "--all", "--reason", "test")
    raised(held, f"stack {one.name} is locked", f"province dc unlock {one.site.id} {LAYER}")
    raised(dc("unlock", one.site.id, LAYER), f"stack {one.name} is in use: process {stopped.pid} of ")
    stopped.kill()
    stopped.wait()
    freed = dc("unlock", one.site.id, LAYER)
    assert freed.returncode == 0, freed.stderr
    assert f"{one.name} is free again" in freed.stdout
    done = dc("up", one.site.id, LAYER, "--all", "--reason", "test", "--json")
    assert done.returncode == 0, done.stderr
    assert steps(done)[one.name]["changed"] is False
