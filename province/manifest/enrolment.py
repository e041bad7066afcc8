"""Which hosts are not enrolled as they should be, and why: what `enrol` works through and `check --ready` lists."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePosixPath

from province.fleet.findings import Finding
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.build import Builder
from province.manifest.capability import KeyKind
from province.manifest.manifest import Key
from province.manifest.trust import Trust
from province.pki.anchors import signing
from province.pki.subject import subject

REGISTERED: tuple[KeyKind, ...] = ("wireguard", "sealed")
"""Kinds of keys whose public half others need as it is; that of an X.509 key is in its certificate."""

UNKNOWN = "has no certificate"


def open_points(fleet: Fleet, trust: Trust, now: datetime) -> dict[str, tuple[str, ...]]:
    """What is missing or due, by host; hosts that are enrolled are left out."""
    builder = Builder(fleet, trust)
    found = {host.name: _open(builder, host, now) for host in fleet.hosts.values()}
    return {name: points for name, points in found.items() if points}


def not_enrolled(fleet: Fleet, trust: Trust, now: datetime) -> list[Finding]:
    """The same as findings of the environment."""
    where = f"{fleet.root.name}/{fleet.environment.id}/trust"
    mend = f"ansible-playbook -i {fleet.root.name}/{fleet.environment.id} ansible/playbooks/enrol.yml"
    return [
        Finding(where, name, "", point, mend)
        for name, points in open_points(fleet, trust, now).items()
        for point in points
    ]


def registered_name(path: str) -> str:
    """The name under which the register keeps a public key: the file's without its ending."""
    return PurePosixPath(path).stem


def registered_keys(keys: Mapping[str, Key]) -> dict[str, str]:
    """Name in the register → place of the public half, for the keys that others need."""
    return {registered_name(path): key.public(path) for path, key in keys.items() if key.kind in REGISTERED}


def _open(builder: Builder, host: Host, now: datetime) -> tuple[str, ...]:
    enrolled = builder.trust.enrolled
    there = enrolled.keys.get(host.name, {})
    keys = [name for name in registered_keys(builder.keys(host)) if name not in there]
    points = [f"has no public key {name}" for name in keys]
    certificate = enrolled.certificates.get(host.name)
    return (*points, *filter(None, [_fault(certificate, host, builder.trust, now) if certificate else UNKNOWN]))


def _fault(certificate: str, host: Host, trust: Trust, now: datetime) -> str:
    from province.pki.certificate import fault  # noqa: PLC0415 - takes a tenth of a second, and few need it

    text = fault(certificate, subject(host), signing(trust.service_ca), now)
    return f"its certificate {text}" if text else ""
