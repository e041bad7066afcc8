"""What two capabilities of one host must not both claim."""

from __future__ import annotations

from collections.abc import Iterable

from province.fleet.findings import BadData, Finding
from province.fleet.hosts import Host
from province.manifest.capability import Capability


def refuse_contradictions(chosen: Iterable[Capability], host: Host) -> None:
    """Two capabilities of a host must not claim the same unit or account, nor set one kernel value differently."""
    findings: list[Finding] = []
    claims: dict[tuple[str, str], tuple[Capability, str]] = {}
    for one in chosen:
        wanted = {("sysctls", key): value for key, value in one.sysctls.items()}
        wanted |= {("units", name): one.role for name in one.units}
        wanted |= {("users", name): one.role for name in one.users}
        for claim, value in wanted.items():
            other, earlier = claims.setdefault(claim, (one, value))
            if earlier != value:
                findings.append(
                    claimed_twice(one, ".".join(claim), f"{other.capability} too claims it, on {host.name}")
                )
    if findings:
        raise BadData(findings)


def claimed_twice(one: Capability, key: str, problem: str) -> Finding:
    """What is wrong when two capabilities want the same thing, at the place where one of them says so."""
    return Finding(shown(one), key, "", problem, "let one capability own it")


def shown(one: Capability) -> str:
    """The file that declares a capability, as people see it."""
    return f"ansible/roles/{one.role}/manifest.yml"
