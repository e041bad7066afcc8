"""What must hold of everything that is declared in a cluster. Each rule is a function from objects to violations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.marks import Vocabulary
from infra.policy.record import Declared

RESTRICTED = ("pod-security.kubernetes.io/enforce", "restricted")
MANDATORY_LABELS = ("owner", "tier", "level", "project06")
ANSWERED_LABELS = {"project06": ("true", "false")}


@dataclass(frozen=True, order=True)
class Violation:
    """One object that breaks one rule, and how to mend it."""

    rule: str
    object: str
    problem: str
    mend: str

    def __str__(self) -> str:
        return f"{self.object}: {self.problem} [{self.rule}]; {self.mend}"


Rule = Callable[[Sequence[Declared], Vocabulary], Iterator[Violation]]


def violations(objects: Iterable[Declared], words: Vocabulary) -> list[Violation]:
    """Every violation of every rule, sorted."""
    every = list(objects)
    return sorted(found for rule in RULES for found in rule(every, words))


def named(objects: Sequence[Declared], _words: Vocabulary) -> Iterator[Violation]:
    """Names are ours: a generated one makes every replacement a new object that nobody knows."""
    for one in objects:
        if one.name is None:
            yield Violation("named", str(one), "has no name of its own", "set metadata.name")


def owned(objects: Sequence[Declared], words: Vocabulary) -> Iterator[Violation]:
    """A namespace says who answers for it, how soon it must be back, how well it is protected, and for whom.

    Owner and level: Decree 331/2026. Whether it belongs to Project 06: Circular 46/2022/TT-BCA.
    """
    for one in _of_kind(objects, "Namespace"):
        for word in MANDATORY_LABELS:
            value = one.labels.get(words.key(word))
            allowed = ANSWERED_LABELS.get(word)
            if not value or (allowed and value not in allowed):
                problem = f"label {words.key(word)} is {value or 'missing'}"
                yield Violation("owned", str(one), problem, "take the system's marks")


def restricted(objects: Sequence[Declared], _words: Vocabulary) -> Iterator[Violation]:
    """The API server itself refuses pods with more rights than they need (Pod Security Standards)."""
    key, value = RESTRICTED
    for one in _of_kind(objects, "Namespace"):
        if one.labels.get(key) != value:
            yield Violation("restricted", str(one), f"{key} is not {value}", f"label it {key}: {value}")


def limited(objects: Sequence[Declared], _words: Vocabulary) -> Iterator[Violation]:
    """One system cannot starve the others: a quota for its namespace, limits for its containers."""
    for one in _of_kind(objects, "Namespace"):
        for kind in ("ResourceQuota", "LimitRange"):
            if not any(other.namespace == one.name for other in _of_kind(objects, kind)):
                yield Violation("limited", str(one), f"has no {kind}", "declare one from the system's quota")


def closed(objects: Sequence[Declared], _words: Vocabulary) -> Iterator[Violation]:
    """What no flow allows is denied, in both directions and for every pod of the namespace."""
    for one in _of_kind(objects, "Namespace"):
        inside = [other for other in _of_kind(objects, "NetworkPolicy") if other.namespace == one.name]
        for direction in ("Ingress", "Egress"):
            if not any(_denies(policy.spec, direction) for policy in inside):
                yield Violation("closed", str(one), f"{direction} is not denied by default", "declare default-deny")


def roomed(objects: Sequence[Declared], _words: Vocabulary) -> Iterator[Violation]:
    """Nothing is put into a namespace that the same stack does not guard."""
    rooms = {one.name for one in _of_kind(objects, "Namespace")}
    for one in objects:
        if one.kind != "Namespace" and one.namespace not in rooms:
            yield Violation("roomed", str(one), "stands outside the declared namespaces", "give it a system's room")


def unprivileged(objects: Sequence[Declared], _words: Vocabulary) -> Iterator[Violation]:
    """No pod shares the host, no container can become more than it was started as."""
    for one in objects:
        pod = one.pod
        if pod is None:
            continue
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.get(key):
                yield Violation("unprivileged", str(one), f"{key} is set", "remove it")
        for container in _containers(pod):
            for problem in _rights(pod, container):
                yield Violation("unprivileged", str(one), f"container {container.get('name')}: {problem}", "drop it")


def tagged(objects: Sequence[Declared], _words: Vocabulary) -> Iterator[Violation]:
    """An image is always the same bytes as far as its name can say: an explicit tag or a digest, never latest."""
    for one in objects:
        for container in _containers(one.pod or {}):
            image = str(container.get("image", ""))
            tag = image.rpartition("/")[2].partition(":")[2]
            if "@sha256:" not in image and tag in {"", "latest"}:
                yield Violation("tagged", str(one), f"image {image or 'missing'} has no tag of its own", "pin it")


RULES: tuple[Rule, ...] = (named, owned, restricted, limited, closed, roomed, unprivileged, tagged)


def _of_kind(objects: Sequence[Declared], kind: str) -> Iterator[Declared]:
    return (one for one in objects if one.kind == kind)


def _denies(spec: Mapping[str, Any], direction: str) -> bool:
    """Whether a policy is for all pods and allows nothing in this direction (an empty list allows nothing)."""
    everyone = spec.get("podSelector") == {}
    return everyone and direction in spec.get("policyTypes", ()) and not spec.get(direction.lower())


def _containers(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*pod.get("initContainers", ()), *pod.get("containers", ()), *pod.get("ephemeralContainers", ())]


def _rights(pod: Mapping[str, Any], container: Mapping[str, Any]) -> Iterator[str]:
    """What a container may do that the profile `restricted` forbids."""
    own = container.get("securityContext") or {}
    both = {**(pod.get("securityContext") or {}), **own}
    if own.get("privileged"):
        yield "is privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges (allowPrivilegeEscalation)"
    if "ALL" not in (own.get("capabilities") or {}).get("drop", ()):
        yield "keeps capabilities"
    if both.get("runAsNonRoot") is not True:
        yield "may run as root (runAsNonRoot)"
    if (both.get("seccompProfile") or {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "has no seccomp profile"
