"""What takes longer: a layer taken down and made again, an API server that dies at work, a site that is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from infra.marks import vocabulary
from province.errors import ExitCode
from province.fleet.layer import LAYERS
from province.fleet.load import load_fleet
from province.fleet.site import HostRole, Site
from province.ops import stacks
from province.ops.last_up import note_path
from province.ops.workplace import Workplace

from .conftest import CHECKOUT, ENVIRONMENT, Dc, LiveStack, raised, steps, wait_until

pytestmark = [pytest.mark.lab, pytest.mark.soak]

LAYER = next(layer for layer in LAYERS if layer.endswith("-technology"))
SERVER = "pkill -x kube-apiserver"
"""The kubelet starts it again by itself: it is a static pod."""
MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"


@pytest.fixture(scope="module")
def one(settings: dict[str, str]) -> LiveStack:
    """A stack of the primary site."""
    fleet = load_fleet(ENVIRONMENT)
    return LiveStack(fleet, fleet.primary_site, LAYER, settings)


def objects(stack: LiveStack) -> dict[str, str]:
    """The uids of everything in the stack's namespaces, and of these themselves."""
    kinds = "namespaces,deployments,services,networkpolicies,resourcequotas"
    items = json.loads(stack.kubectl("get", kinds, "--all-namespaces", "--output", "json"))["items"]
    rooms = {system.id for system in stack.systems}
    found = {}
    for one in items:
        place = one["metadata"].get("namespace") or one["metadata"]["name"]
        if place in rooms:
            found[f"{one['kind']}/{place}/{one['metadata']['name']}"] = one["metadata"]["uid"]
    return found


def on_control_planes(stack: LiveStack, command: str, site: Site | None = None) -> None:
    """Run a command on every control plane of a site."""
    where = site or stack.site
    for host in stack.fleet.hosts_of(where.id):
        if host.host_class == HostRole.CONTROL_PLANE.value:
            done = subprocess.run(
                ["ssh", host.name, "--", "sudo", command], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr


def answers(stack: LiveStack) -> bool:
    try:
        return stack.kubectl("get", "--raw", "/readyz", "--request-timeout=3s") == "ok"
    except AssertionError:
        return False


@pytest.fixture
def taken_down(dc: Dc, one: LiveStack) -> Iterator[dict[str, str]]:
    """The layer without what can be made again; it is made again at the end, whatever the test did."""
    before = objects(one)
    done = dc("down", one.site.id, LAYER, "--reason", "test", typed=f"{one.name}\n")
    assert done.returncode == 0, done.stderr
    yield before
    wait_until(lambda: answers(one), "the API server answers again")
    again = dc("up", one.site.id, LAYER, "--reason", "test")
    assert again.returncode == 0, again.stderr


def test_a_layer_is_taken_down_and_made_again_while_the_others_stay(
    dc: Dc, one: LiveStack, taken_down: dict[str, str]
) -> None:
    others = [LiveStack(one.fleet, one.site, layer, one.settings) for layer in LAYERS if layer != LAYER]
    left = objects(one)
    assert {name for name in left if name.startswith("Namespace/")} == {n for n in taken_down if n.startswith("Namesp")}
    assert all(taken_down[name] == uid for name, uid in left.items() if name.startswith("Namespace/"))
    assert not any(name.startswith(("Deployment/", "ResourceQuota/")) for name in left)
    for other in others:
        assert set(stacks.counts(other.pulumi("preview").stdout)) <= {"unchanged"}
    made = dc("up", one.site.id, LAYER, "--reason", "test", "--json")
    assert made.returncode == 0, made.stderr
    assert steps(made)[one.name]["changed"] is True
    assert set(objects(one)) == set(taken_down)


def test_an_api_server_that_dies_in_the_middle_of_an_up_leaves_nothing_that_the_next_does_not_finish(
    dc: Dc, one: LiveStack, taken_down: dict[str, str]
) -> None:
    work = Workplace.of(one.fleet)
    log = work.private / "logs" / f"up-{one.name}.log"
    log.unlink(missing_ok=True)
    words = [sys.executable, "-m", "province", "dc", "up", one.site.id, LAYER, "--reason", "test"]
    with subprocess.Popen(words, cwd=CHECKOUT, env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE):
        wait_until(lambda: log.is_file() and " created" in log.read_text(encoding="utf-8"), "the first object is there")
        on_control_planes(one, SERVER)
    wait_until(lambda: answers(one), "the API server answers again")
    assert not note_path(work, one.name).is_file() or objects(one).keys() == taken_down.keys()
    finished = dc("up", one.site.id, LAYER, "--reason", "test")
    assert finished.returncode == 0, finished.stderr
    assert set(objects(one)) == set(taken_down)
    state = json.loads(one.pulumi("stack", "export").stdout)["deployment"]
    assert not state.get("pending_operations")
    assert one.pulumi("refresh", "--preview-only", "--run-program", "--expect-no-changes").returncode == 0


@pytest.fixture
def lost_site(one: LiveStack) -> Iterator[LiveStack]:
    """The other site's API server, stopped until the end of the test."""
    site = one.fleet.data_centres[-1]
    other = LiveStack(one.fleet, site, LAYER, one.settings)
    on_control_planes(one, f"mv {MANIFEST} /etc/kubernetes/", site)
    wait_until(lambda: not answers(other), "the API server is gone")
    yield other
    on_control_planes(one, f"mv /etc/kubernetes/{MANIFEST.rpartition('/')[2]} {MANIFEST}", site)
    wait_until(lambda: answers(other), "the API server answers again")


def test_the_loss_of_one_sites_api_server_is_not_the_others(dc: Dc, one: LiveStack, lost_site: LiveStack) -> None:
    lost = dc("plan", lost_site.site.id, LAYER)
    assert lost.returncode == ExitCode.UNREACHABLE, lost.stderr
    raised(lost, "does not answer", f"province dc plan {lost_site.site.id}")
    kept = dc("up", one.site.id, LAYER, "--all", "--reason", "test", "--json")
    assert kept.returncode == 0, kept.stderr
    assert steps(kept)[one.name]["changed"] is False


def test_a_field_of_ours_is_taken_back_and_one_of_another_manager_stays(one: LiveStack) -> None:
    """Server-side apply keeps who owns which field; ours are taken back by force, others are none of our business."""
    room, word = one.systems[0].id, vocabulary(one.fleet).key("tier")
    patch = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": room, "labels": {word: "theirs"}, "annotations": {"example.org/note": "theirs"}},
    }
    words = ["apply", "--server-side", "--force-conflicts", "--field-manager=another", "-f", "-"]
    one.kubectl(*words, stdin=json.dumps(patch))
    try:
        found = one.pulumi("refresh", "--preview-only", "--run-program", "--diff", "--expect-no-changes")
        assert found.returncode != 0
        assert f'{word}: "{one.systems[0].tier}" => "theirs"' in found.stdout
        repaired = one.pulumi("up", "--yes", "--skip-preview", *stacks.REFRESHED)
        assert repaired.returncode == 0, repaired.stdout
        metadata = json.loads(one.kubectl("get", "namespace", room, "--output", "json"))["metadata"]
        assert metadata["labels"][word] == one.systems[0].tier
        assert metadata["annotations"]["example.org/note"] == "theirs"
    finally:
        one.kubectl("annotate", "namespace", room, "example.org/note-", "--field-manager=another")
