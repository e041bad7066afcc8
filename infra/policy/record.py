"""A declared object as rules see it, whether a test recorded it, a plan lists it or an API server holds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.objects import IN_NO_NAMESPACE

NO_LABELS: Mapping[str, str] = {}
CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")
CLUSTER_WIDE_KINDS = frozenset(kind.kind for kind in IN_NO_NAMESPACE)


@dataclass(frozen=True)
class Declared:
    """One Kubernetes object: `body` is the whole object, with `apiVersion`, `kind` and `metadata`."""

    body: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The object's kind, such as `Deployment`."""
        return str(self.body.get("kind", ""))

    @property
    def name(self) -> str | None:
        """The name it will have; None when somebody else would choose one."""
        found = self.body.get("metadata", {}).get("name")
        return str(found) if found else None

    @property
    def namespace(self) -> str | None:
        """Where it stands: a namespace stands in itself, other objects without one in no namespace."""
        if self.kind == "Namespace":
            return self.name
        found = self.body.get("metadata", {}).get("namespace")
        return str(found) if found else None

    @property
    def is_cluster_wide(self) -> bool:
        """Whether its kind stands in no namespace."""
        return self.kind in CLUSTER_WIDE_KINDS

    @property
    def labels(self) -> Mapping[str, str]:
        """The object's labels."""
        found: Mapping[str, str] = self.body.get("metadata", {}).get("labels") or NO_LABELS
        return found

    @property
    def annotations(self) -> Mapping[str, str]:
        """The object's annotations."""
        found: Mapping[str, str] = self.body.get("metadata", {}).get("annotations") or NO_LABELS
        return found

    @property
    def spec(self) -> Mapping[str, Any]:
        """The object's `spec`, empty when it has none."""
        found: Mapping[str, Any] = self.body.get("spec") or {}
        return found

    @property
    def pod(self) -> Mapping[str, Any] | None:
        """The specification of the pods that it makes or is; None when it makes none."""
        if self.kind == "Pod":
            return self.spec
        if self.kind == "CronJob":
            return _pod_of(self.spec.get("jobTemplate", {}).get("spec", {}))
        return _pod_of(self.spec)

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        """Every container of its pods, whenever it runs; empty when it makes none."""
        pod = self.pod or {}
        return [one for key in CONTAINER_LISTS for one in pod.get(key) or ()]

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace or '-'}/{self.name or '<unnamed>'}"


def of_kind(objects: Iterable[Declared], kind: str) -> Iterator[Declared]:
    """The objects of one kind."""
    return (one for one in objects if one.kind == kind)


def _pod_of(spec: Mapping[str, Any]) -> Mapping[str, Any] | None:
    template = spec.get("template")
    found: Mapping[str, Any] | None = template.get("spec") if isinstance(template, Mapping) else None
    return found
