"""Pieces of CEL that several rules share, and Python values as CEL literals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from infra.policy.rule import Resources

NAMESPACES = Resources("", "v1", ("namespaces",))
SERVICES = Resources("", "v1", ("services",))
NETWORK_POLICIES = Resources("networking.k8s.io", "v1", ("networkpolicies",))
INGRESSES = Resources("networking.k8s.io", "v1", ("ingresses",))
RIGHTS = Resources("rbac.authorization.k8s.io", "v1", ("roles", "clusterroles", "rolebindings", "clusterrolebindings"))
PODS_AND_MAKERS = (
    Resources("", "v1", ("pods", "pods/ephemeralcontainers", "replicationcontrollers")),
    Resources("apps", "v1", ("deployments", "statefulsets", "daemonsets", "replicasets")),
    Resources("batch", "v1", ("jobs", "cronjobs")),
)
"""A pod and everything that makes pods: who declares it learns at once what its pods would be refused for."""

POD = (
    "object.kind == 'Pod' ? dyn(object).spec : "
    "object.kind == 'CronJob' ? dyn(object).spec.jobTemplate.spec.template.spec : dyn(object).spec.template.spec"
)
CONTAINERS = "variables.pod.containers + " + " + ".join(
    f"variables.pod.?{more}.orValue([])" for more in ("initContainers", "ephemeralContainers")
)
POD_VARIABLES: Mapping[str, str] = {"pod": POD, "containers": CONTAINERS}
"""`variables.pod` is the specification of the pods, `variables.containers` every container in it."""


def text(value: str) -> str:
    """A text as a CEL literal."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def texts(values: Iterable[str]) -> str:
    """A list of texts as a CEL literal."""
    return "[" + ", ".join(text(value) for value in values) + "]"


def label(key: str, place: str = "object") -> str:
    """The value of a label, empty when it is not there."""
    return f"{place}.metadata.?labels[?{text(key)}].orValue('')"
