"""What a run is about, and what differs on the host: looked at, nothing changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import accounts, files, generations, kernel, keys, ledger, packages, retire, units, wanted
from .node import Node


@dataclass(frozen=True)
class Order:
    """What a controller asks for: a whole manifest, or with `only` the part of one capability.

    `time` is the controller's, in seconds since 1970.
    """

    sent: wanted.Manifest
    controller: str
    reason: str
    time: float
    only: str = ""
    confirm_seconds: int = 300
    connection: str = ""


@dataclass
class Plan:
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


@dataclass
class Target:
    """The state that a run is about. `part` is what was sent, `whole` all that the host shall be with it."""

    order: Order
    manifest: wanted.Manifest
    guarded_before: list[str] = field(default_factory=list)
    part: wanted.Wanted = field(init=False)
    whole: wanted.Wanted = field(init=False)

    def __post_init__(self) -> None:
        self.part = wanted.read(self.order.sent)
        self.whole = wanted.read(self.manifest)

    @property
    def scope(self) -> list[str]:
        """The capabilities that a run is about, empty for all."""
        return [self.order.only] if self.order.only else []


def aim(node: Node, order: Order) -> Target:
    """What the host shall be once the order is carried out."""
    held = generations.current(node)
    before = wanted.read(held).guarded if held else []
    return Target(order, wanted.merge(held, order.sent, order.only), before)


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
