"""Rules about pods: what they run, what they may do, and what of their host they touch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.policy import cel
from infra.policy.ground import Ground
from infra.policy.record import Declared
from infra.policy.rule import Admission, Demand, Fault, Rule

HOST_SHARES = ("hostNetwork", "hostPID", "hostIPC")
HARMLESS_CAPABILITY = "NET_BIND_SERVICE"
SECCOMP = ("RuntimeDefault", "Localhost")


def _unprivileged(objects: Sequence[Declared], _ground: Ground) -> Iterator[Fault]:
    for one in objects:
        pod = one.pod
        if pod is None:
            continue
        for key in HOST_SHARES:
            if pod.get(key):
                yield Fault(one, f"{key} is set", "remove it")
        for container in one.containers:
            for problem in _rights(pod, container):
                yield Fault(one, f"container {container.get('name')}: {problem}", "drop it")


def _rights(pod: Mapping[str, Any], container: Mapping[str, Any]) -> Iterator[str]:
    """What a container may do that the profile `restricted` forbids."""
    own = container.get("securityContext") or {}
    both = {**(pod.get("securityContext") or {}), **own}
    capabilities = own.get("capabilities") or {}
    if own.get("privileged"):
        yield "is privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges (allowPrivilegeEscalation)"
    if "ALL" not in (capabilities.get("drop") or ()):
        yield "keeps capabilities"
    if set(capabilities.get("add") or ()) - {HARMLESS_CAPABILITY}:
        yield "adds capabilities"
    if both.get("runAsNonRoot") is not True:
        yield "may run as root (runAsNonRoot)"
    if (both.get("seccompProfile") or {}).get("type") not in SECCOMP:
        yield "has no seccomp profile"
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        yield "listens on its host (hostPort)"


def _unprivileged_demands(_ground: Ground) -> list[Demand]:
    def every(condition: str) -> str:
        return f"variables.containers.all(c, {condition})"

    def own_or_pods(key: str, otherwise: str) -> str:
        of_pod = f"variables.pod.?securityContext.?{key}.orValue({otherwise})"
        return f"c.?securityContext.?{key}.orValue({of_pod})"

    nothing_shared = " && ".join(f"!variables.pod.?{key}.orValue(false)" for key in HOST_SHARES)
    added = "c.?securityContext.?capabilities.?add.orValue([])"
    return [
        Demand(nothing_shared, f"the pod shares its host ({', '.join(HOST_SHARES)})"),
        Demand(every("!c.?securityContext.?privileged.orValue(false)"), "a container is privileged"),
        Demand(
            every("!c.?securityContext.?allowPrivilegeEscalation.orValue(true)"),
            "a container may gain privileges (allowPrivilegeEscalation)",
        ),
        Demand(every("'ALL' in c.?securityContext.?capabilities.?drop.orValue([])"), "a container keeps capabilities"),
        Demand(every(f"{added}.all(one, one == {cel.text(HARMLESS_CAPABILITY)})"), "a container adds capabilities"),
        Demand(every(own_or_pods("runAsNonRoot", "false")), "a container may run as root (runAsNonRoot)"),
        Demand(
            every(f"{own_or_pods('seccompProfile.?type', cel.text(''))} in {cel.texts(SECCOMP)}"),
            "a container has no seccomp profile",
        ),
        Demand(
            every("c.?ports.orValue([]).all(p, p.?hostPort.orValue(0) == 0)"),
            "a container listens on its host (hostPort)",
        ),
    ]


def image_pattern(registry: str) -> str:
    """A regular expression (RE2 and Python alike) for images by digest from one registry."""
    return f"^{re.escape(registry)}/[a-z0-9][a-z0-9./_-]*(:[A-Za-z0-9_][A-Za-z0-9._-]*)?@sha256:[0-9a-f]{{64}}$"


def _pinned(objects: Sequence[Declared], ground: Ground) -> Iterator[Fault]:
    wanted = re.compile(image_pattern(ground.registry))
    for one in objects:
        for container in one.containers:
            image = str(container.get("image") or "missing")
            if not wanted.match(image):
                problem = f"image {image} is not named by digest from {ground.registry}"
                yield Fault(one, problem, "take its reference from the pins in versions.toml")


def _pinned_demands(ground: Ground) -> list[Demand]:
    pattern = cel.text(image_pattern(ground.registry))
    is_right = f"variables.containers.all(c, c.?image.orValue('').matches({pattern}))"
    return [Demand(is_right, f"an image is not named by digest from {ground.registry}")]


def _hostless(objects: Sequence[Declared], _ground: Ground) -> Iterator[Fault]:
    for one in objects:
        for volume in (one.pod or {}).get("volumes") or ():
            if "hostPath" in volume:
                yield Fault(one, f"volume {volume.get('name')} is a path of the host", "claim a volume instead")


def _hostless_demands(_ground: Ground) -> list[Demand]:
    is_right = "variables.pod.?volumes.orValue([]).all(v, !has(v.hostPath))"
    return [Demand(is_right, "a volume is a path of the host (hostPath)")]


UNPRIVILEGED = Rule(
    "unprivileged",
    "no pod shares its host, no container can become more than it was started as",
    "Kubernetes Pod Security Standards, profile restricted",
    "V30",
    _unprivileged,
    alone=True,
    admission=Admission(cel.PODS_AND_MAKERS, _unprivileged_demands, cel.POD_VARIABLES),
)
PINNED = Rule(
    "pinned",
    "what runs is what was built and examined: always the same bytes, from the province's own registry",
    "TCVN 14423:2026, 5.17.2.4 (control 79)",
    "R1",
    _pinned,
    alone=True,
    admission=Admission(cel.PODS_AND_MAKERS, _pinned_demands, cel.POD_VARIABLES),
)
HOSTLESS = Rule(
    "hostless",
    "whoever writes to a host's files owns the host and every pod on it",
    "Kubernetes Pod Security Standards, profile baseline",
    "V30",
    _hostless,
    alone=True,
    admission=Admission(cel.PODS_AND_MAKERS, _hostless_demands, cel.POD_VARIABLES),
)
