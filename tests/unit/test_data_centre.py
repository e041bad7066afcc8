"""One data centre, layer by layer: what is started, what is left alone, and what a failure stops."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from province.errors import ExitCode, ProvinceError
from province.fleet.descriptor import descriptor_path
from province.fleet.layer import CLUSTER, LAYERS, PLATFORM, SYSTEMS
from province.fleet.load import inventories_root, load_fleet
from province.ops import data_centre, last_up
from province.ops.data_centre import AS_BEFORE, DataCentre
from province.ops.step import Step, raise_failures
from province.ops.workplace import Outcome, Workplace

UID = "b653e06f-2c6c-4be6-96c7-91eb324bd6eb"
FIRST, SECOND = list(SYSTEMS)[:2]


class Desk(Workplace):
    """A desk whose commands answer as Pulumi and kubectl do; `started`: where `up` or `preview` was run.

    `figures`: the digest of every stack's inputs, one for each time it is asked; the last one stays.
    """

    started: list[str]
    failing: dict[str, str]
    figures: list[str]
    state: dict[str, int]

    def prepare(self) -> None:
        """Begin with an empty backend, where nothing fails."""
        for name, value in {"started": [], "failing": {}, "figures": ["aa"], "state": {}}.items():
            object.__setattr__(self, name, value)

    def run(self, name: str, argv: Sequence[str], *, answers: bool = False) -> Outcome:
        log = self.private / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        output = log.with_suffix(".json") if answers else log
        verb = name.partition("-")[0]
        stack = argv[argv.index("--stack") + 1] if "--stack" in argv else ""
        text, code = self._answer(verb, stack)
        log.write_text(text, encoding="utf-8")
        output.write_text(text, encoding="utf-8")
        return Outcome(code, 0.0, log, output)

    def _answer(self, verb: str, stack: str) -> tuple[str, int]:
        if verb in {"up", "preview"}:
            self.started.append(stack)
        if trouble := self.failing.get(stack if verb == "up" else verb):
            return trouble, 1 if verb == "up" else int(ExitCode.UNREACHABLE)
        if verb == "up":
            self.state[stack] = self.state.get(stack, 0) + 1
            return "Resources:\n    + 7 created\n", 0
        answers: dict[str, object] = {
            "stacks": [{"name": one, "lastUpdate": str(n), "resourceCount": 7} for one, n in self.state.items()],
            "inputs": {
                f"lab.rach-gia.{layer}": {"digest": self.figures[0], "resources": 7, "broken": []} for layer in LAYERS
            },
            "certificates": {"names": ["a.example", "b.example"], "due": {"a.example": "has none"}},
            "health": {"items": []},
            "preview": {"steps": [], "changeSummary": {"same": 7}},
        }
        if verb == "inputs" and len(self.figures) > 1:
            self.figures.pop(0)
        return json.dumps(answers.get(verb, {})), 0


@pytest.fixture
def centre(tmp_path: Path) -> DataCentre:
    root = tmp_path / "inventories"
    shutil.copytree(inventories_root(), root, ignore=shutil.ignore_patterns("descriptors"))
    fleet = load_fleet("lab", root)
    path = descriptor_path(root, "lab", fleet.primary_site.id)
    path.parent.mkdir()
    described = {
        "site": fleet.primary_site.id,
        "endpoint": "https://192.0.2.1:6443",
        "ca_sha256": "a" * 64,
        "kube_system_uid": UID,
        "versions": {"kubernetes": "1.36.3", "containerd": "1.7.24"},
    }
    path.write_text(yaml.safe_dump(described), encoding="utf-8")
    work = Desk(tmp_path, "lab")
    work.prepare()
    return DataCentre(work, fleet, fleet.primary_site, with_hosts=False)


def desk(centre: DataCentre) -> Desk:
    assert isinstance(centre.work, Desk)
    return centre.work


def run_up(centre: DataCentre, *, every: bool = False) -> dict[str, Step]:
    desk(centre).started.clear()
    return {step.name: step for step in data_centre.up(centre, "OPS-114", every=every)}


def names(centre: DataCentre, *layers: str) -> list[str]:
    return [centre.stack(layer) for layer in layers]


def test_layers_are_made_from_the_lowest_up_and_then_left_alone(centre: DataCentre) -> None:
    first = run_up(centre)
    assert desk(centre).started == names(centre, *LAYERS)
    assert not any(step.failed for step in first.values())
    second = run_up(centre)
    assert desk(centre).started == []
    assert all(AS_BEFORE in second[name].line for name in names(centre, *LAYERS))
    run_up(centre, every=True)
    assert desk(centre).started == names(centre, *LAYERS)


def test_names_that_users_know_get_their_certificates_once_every_layer_stands(centre: DataCentre) -> None:
    step = run_up(centre)["rach-gia certificates"]
    assert (step.line, step.changed, step.failed) == ("1 of 2 issued", True, "")
    desk(centre).failing["certificates"] = "the cluster does not answer"
    failed = run_up(centre)["rach-gia certificates"]
    assert "does not answer" in failed.failed
    assert failed.code is ExitCode.UNREACHABLE
    assert failed.again == "province certificates rach-gia -e lab"
    desk(centre).failing[names(centre, PLATFORM)[0]] = "refused"
    assert "rach-gia certificates" not in run_up(centre, every=True)


def test_changed_inputs_start_a_stack_again(centre: DataCentre) -> None:
    run_up(centre)
    desk(centre).figures[:] = ["bb"]
    steps = list(data_centre.plan(centre))
    assert desk(centre).started[-len(LAYERS) :] == names(centre, *LAYERS)
    assert all("its inputs changed" in step.line for step in steps)


def test_a_fact_that_is_edited_meanwhile_leaves_no_note(centre: DataCentre) -> None:
    desk(centre).figures[:] = ["aa", "bb"]
    run_up(centre)
    assert [last_up.read(centre.work, name) for name in names(centre, *LAYERS)] == [None] * len(LAYERS)


def test_what_somebody_else_did_starts_a_stack_again(centre: DataCentre) -> None:
    run_up(centre)
    desk(centre).state[centre.stack(FIRST)] += 1
    run_up(centre)
    assert desk(centre).started == names(centre, FIRST)


def test_a_layer_that_fails_stops_those_that_rest_on_it(centre: DataCentre) -> None:
    desk(centre).failing[centre.stack(PLATFORM)] = "error: no"
    steps = run_up(centre)
    assert desk(centre).started == names(centre, CLUSTER, PLATFORM)
    assert all("it rests on platform" in steps[name].line for name in names(centre, *SYSTEMS))
    with pytest.raises(ProvinceError, match=f"province dc up {centre.site.id} {PLATFORM} -e lab"):
        raise_failures(list(steps.values()))


def test_a_layer_that_fails_stops_none_of_its_neighbours_and_is_tried_again(centre: DataCentre) -> None:
    desk(centre).failing[centre.stack(FIRST)] = "error: no"
    steps = run_up(centre)
    assert desk(centre).started == names(centre, *LAYERS)
    assert [name for name, step in steps.items() if step.failed] == names(centre, FIRST)
    assert not steps[centre.stack(SECOND)].failed
    desk(centre).failing.clear()
    run_up(centre)
    assert desk(centre).started == names(centre, FIRST)


def test_a_cluster_that_does_not_answer_is_one_failure(centre: DataCentre) -> None:
    desk(centre).failing["inputs"] = "https://192.0.2.1:6443 does not answer: timed out"
    (step,) = run_up(centre).values()
    assert step.code is ExitCode.UNREACHABLE
    assert "does not answer" in step.failed
    assert desk(centre).started == []


def test_without_a_descriptor_a_plan_can_be_read_and_nothing_is_applied(centre: DataCentre) -> None:
    centre.descriptor.unlink()
    assert not any(step.failed for step in data_centre.plan(centre))
    (step,) = run_up(centre).values()
    assert "the cluster has no descriptor" in step.failed
    assert desk(centre).started == []
