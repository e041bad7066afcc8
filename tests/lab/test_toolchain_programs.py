"""The built programs themselves: they are what versions.toml says, and each answers with its version."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from province.manifest.cluster import CONTROL_PLANE_IMAGES, NODE_IMAGES
from province.toolchain import binary, build, pins

PINS = pins.load()

# How each program is asked for its version; the provider and echo print theirs only while they serve.
VERSION_OF = {
    "pulumi": ["version"],
    "kube-apiserver": ["--version"],
    "kube-controller-manager": ["--version"],
    "kube-scheduler": ["--version"],
    "kube-proxy": ["--version"],
    "kubelet": ["--version"],
    "kubeadm": ["version", "-o", "short"],
    "kubectl": ["version", "--client"],
    "etcd": ["--version"],
    "etcdctl": ["version"],
    "etcdutl": ["version"],
    "coredns": ["-version"],
    "actionlint": ["-version"],
    "kubeconform": ["-v"],
    "kube-score": ["version"],
}


@pytest.mark.parametrize("name", VERSION_OF)
def test_a_built_program_says_the_pinned_version(name: str) -> None:
    artefact = PINS.artefact(name)
    answer = subprocess.run(
        [build.built(artefact), *VERSION_OF[name]], capture_output=True, text=True, check=True, timeout=60
    )
    assert artefact.version in answer.stdout


@pytest.mark.parametrize("name", [name for name, found in PINS.artefacts.items() if found.installed])
def test_a_built_program_passes_its_own_rule_for_installed_ones(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = build.built(PINS.artefact(name))
    monkeypatch.setenv("PATH", str(program.parent))
    assert binary(name) == program


def test_kubeadm_wants_the_images_that_are_pinned() -> None:
    wanted = subprocess.run(
        [
            *(build.built(PINS.artefact("kubeadm")), "config", "images", "list"),
            *("--image-repository", PINS.images.repository),
            *("--kubernetes-version", PINS.artefact("kubeadm").version),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split()
    # etcd is the exception: newer than the default, so the cluster's configuration names its tag.
    assert {reference for reference in wanted if "/etcd:" not in reference} == {
        PINS.tagged(image) for image in (*CONTROL_PLANE_IMAGES, *NODE_IMAGES) if image != "etcd"
    }


def test_the_list_tells_where_everything_is() -> None:
    echo = build.built(PINS.artefact("echo"))
    answer = subprocess.run(
        [sys.executable, "-c", "from province.toolchain.cli import app; app()", "list", "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    rows = {row["name"]: row for row in json.loads(answer.stdout)}
    assert set(rows) == set(PINS.artefacts)
    assert (rows["echo"]["from"], rows["echo"]["path"]) == ("cache", str(echo))
    assert rows["echo"]["sha256"] == rows["echo"]["recorded_sha256"]
