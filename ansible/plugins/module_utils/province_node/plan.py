"""What a run is about, and what differs on the host: looked at, nothing changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from . import accounts, files, kernel, keys, ledger, packages, retire, units, wanted
from .node import Node


class Order(NamedTuple):
    """What a controller asks for: a whole manifest, or with `only` the part of these capabilities.

    `time` is the controller's, in seconds since 1970.
    """

    sent: wanted.Manifest
    controller: str
    reason: str
    time: float
    only: Sequence[str] = ()
    confirm_seconds: int = 300
    connection: str = ""


class Plan(NamedTuple):
    """What differs between the host and the wanted state."""

    repair: bool
    packages: list[str]
    accounts: list[accounts.Change]
    keys: list[keys.Change]
    files: list[files.Change]
    sysctls: dict[str, str]
    units: list[units.Action]
    retired: retire.Retired

    @property
    def what(self) -> list[str]:
        """Every change in a few words, in the order in which it is made."""
        return [
            *(["finish an interrupted installation"] if self.repair else []),
            *(f"install {name}" for name in self.packages),
            *(change.what for change in self.accounts),
            *(change.what for change in self.keys),
            *(action.what for action in self.retired.units),
            *(change.what for change in (*self.files, *self.retired.files)),
            *(f"set {key} = {value}" for key, value in self.sysctls.items()),
            *(action.what for action in self.units),
            *self.retired.late,
        ]

    def diff(self) -> list[dict[str, str]]:
        """Every change as Ansible shows it."""
        switched = (*self.files, *self.retired.files)
        rest = [line for line in self.what if line not in {change.what for change in switched}]
        shown = [change.diff() for change in switched]
        return [*shown, *([{"prepared": "\n".join(rest) + "\n"}] if rest else [])]


class Target:
    """The state that a run is about. `part` is what was sent, `whole` all that the host shall be with it.

    `held` is the last good state, None on a host that has none yet.
    """

    def __init__(self, order: Order, held: wanted.Manifest | None) -> None:
        self.order = order
        self.held = held
        self.manifest = wanted.merge(held, order.sent, order.only)
        self.whole = wanted.read(self.manifest)
        self.part = self.whole if self.manifest is order.sent else wanted.read(order.sent)
        self.guarded_before = wanted.guarded(held) if held else []

    @property
    def scope(self) -> list[str]:
        """The capabilities that a run is about, empty for all."""
        return list(self.order.only)

    @property
    def is_held(self) -> bool:
        """Whether it is the very state that was applied last."""
        if self.manifest is self.held:
            return True
        return self.held is not None and wanted.canonical(self.manifest) == wanted.canonical(self.held)


class Seen(NamedTuple):
    """How the host was found: what it shall be, what of it is ours, and what differs."""

    target: Target
    book: ledger.Ledger
    plan: Plan

    @property
    def is_good(self) -> bool:
        """Whether nothing has to be done, and nothing new to be remembered."""
        return self.target.is_held and not self.plan.what


def look(node: Node, order: Order, held: wanted.Manifest | None) -> Seen:
    """Compare the host with what is asked for; nothing is changed."""
    target = Target(order, held)
    book = ledger.Ledger(node)
    return Seen(target, book, compare(node, target, book))


def compare(node: Node, target: Target, book: ledger.Ledger) -> Plan:
    """Look at the host; nothing is changed."""
    part = target.part
    retired = retire.compare(node, target.whole, book, target.scope)
    leaving = {change.path for change in retired.files}
    changes = [change for change in files.compare(node, part.files, part.absent) if change.path not in leaving]
    made = keys.compare(node, part.keys)
    changed = [path for change in made for path in (change.path, change.key["public"])]
    changed += [change.path for change in (*changes, *retired.files)]
    return Plan(
        repair=packages.interrupted(node),
        packages=packages.missing(node, part.packages),
        accounts=accounts.compare(node, part.users, part.groups),
        keys=made,
        files=changes,
        sysctls=kernel.compare(node, part.sysctls),
        units=units.plan(node, part.units, changed),
        retired=retired,
    )
