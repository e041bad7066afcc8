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


def pod(name: str, labels: Mapping[str, str] = MARK, *, asks: str = "20m") -> dict[str, Any]:
    """A pod that answers who it is, with no more rights than the rooms of systems allow.

    `asks` is the processor time for which the node keeps room; many pods beside each other ask less than one.
    """
    container = {
        "name": "echo",
        "image": pins.load().reference("echo"),
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1},
        "resources": {
            "requests": {"cpu": asks, "memory": "32Mi"},
            "limits": {"cpu": "20m", "memory": "32Mi"},
        },
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
