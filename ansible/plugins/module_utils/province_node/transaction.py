"""A host's transaction: compare, and if anything differs, bring it to the wanted state in one fixed order."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from . import accounts, files, kernel, keys, packages, record, units
from .node import Node, Trouble

SCHEMA = 1


@dataclass(frozen=True)
class Plan:
    """What differs between the host and the wanted state."""

    packages: list[str]
    accounts: list[accounts.Change]
    keys: list[keys.Change]
    files: list[files.Change]
    sysctls: dict[str, str]
    units: list[units.Action]
    pending: list[str]

    @property
    def what(self) -> list[str]:
        """Every change in a few words, in the order in which it is made."""
        return [
            *(f"install {name}" for name in self.packages),
            *(change.what for change in self.accounts),
            *(change.what for change in self.keys),
            *(change.what for change in self.files),
            *(f"set {key} = {value}" for key, value in self.sysctls.items()),
            *(action.what for action in self.units),
        ]

    def diff(self) -> list[dict[str, str]]:
        """Every change as Ansible shows it."""
        rest = [line for line in self.what if line not in {change.what for change in self.files}]
        shown = [change.diff() for change in self.files]
        return [*shown, *([{"prepared": "\n".join(rest) + "\n"}] if rest else [])]


def compare(node: Node, manifest: dict[str, Any]) -> Plan:
    """Look at the host; nothing is changed."""
    if manifest["schema"] != SCHEMA:
        raise Trouble(f"this manifest has form {manifest['schema']}, the module knows {SCHEMA}: use one checkout")
    changes = files.compare(node, manifest["files"], manifest["absent"])
    pending = record.pending(node)
    made = keys.compare(node, manifest["keys"])
    changed = [path for change in made for path in (change.path, change.key["public"])]
    changed += [change.path for change in changes]
    return Plan(
        packages=packages.missing(node, manifest["packages"]),
        accounts=accounts.compare(node, manifest["users"], manifest["groups"]),
        keys=made,
        files=changes,
        sysctls=kernel.compare(node, manifest["sysctls"]),
        units=units.plan(node, manifest["units"], [*changed, *pending]),
        pending=pending,
    )


def converge(node: Node, manifest: dict[str, Any], note: dict[str, Any]) -> Plan:
    """Bring the host to the wanted state and write `note` down; returns what was changed.

    Packages come first, because their programs check the files; then accounts, because they own files. A run
    that ends early leaves behind which units still have to be restarted, and the next run does that.
    `note` names the digest; an empty one stands for a part of a manifest, after which nothing is written down.
    """
    plan = compare(node, manifest)
    digest = note.get("digest", "")
    if not plan.what and (not digest or digest == record.applied_digest(node)):
        return plan
    if plan.packages:
        _install(node, manifest, plan)
    accounts.apply(node, plan.accounts)
    made = keys.apply(node, plan.keys)
    changes = files.compare(node, manifest["files"], manifest["absent"])
    changed = sorted({*plan.pending, *made, *(change.path for change in (*plan.files, *changes))})
    if changed:
        record.note_pending(node, changed)
    files.switch(node, changes)
    late = kernel.apply(node, manifest["sysctls"])
    units.apply(node, units.plan(node, manifest["units"], changed), changed)
    if late and (absent := kernel.apply(node, manifest["sysctls"])):
        raise Trouble(f"the kernel has no such setting: {', '.join(absent)}; is a module missing?")
    units.settle(node, manifest["units"], manifest["health"])
    record.finish(node)
    if digest:
        record.note_applied(node, {**note, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})
    return plan


def _install(node: Node, manifest: dict[str, Any], plan: Plan) -> None:
    """Install what is missing; the declared source has to be in place before."""
    sources = [change for change in plan.files if packages.is_source(change.path)]
    files.switch(node, sources)
    packages.install(node, plan.packages, manifest["files"])
