"""Pods of ours in the rooms of systems: they answer who they are, with no more rights than the rooms allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from province.toolchain import pins

PORT = 8080
"""Where the proof of life answers."""

MARK = {"proof": "sample"}
OURS = "proof=sample"
"""By which pods and policies of tests are found again."""


def pod(name: str, labels: Mapping[str, str] = MARK) -> dict[str, Any]:
    """A pod that answers who it is, with no more rights than the rooms of systems allow."""
    container = {
        "name": "echo",
        "image": pins.load().reference("echo"),
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1},
        "resources": {kind: {"cpu": "20m", "memory": "32Mi"} for kind in ("requests", "limits")},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {**MARK, "app": name, **labels}},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }
