"""What a run would change, asked of every host before any is touched; hosts with the same change stand together."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from province.errors import ExitCode, ProvinceError
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.rendering import Rendering
from province.ops.node_wire import Answer, Contact, NodeTrouble, ask, request
from province.ops.rehearsal import one_of_each_kind, rehearse
from province.verify.reach import AT_A_TIME

CODE = "the host's own half of the programs that apply"
"""What differs when a host is as declared but would not be applied by today's code."""

NAMED = 6


@dataclass(frozen=True)
class Looked:
    """One host: what would change there, and the lines of files that differ; or why nothing is known of it."""

    host: str
    digest: str
    changes: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    lost: str = ""


@dataclass(frozen=True)
class Group:
    """Hosts on which the very same would change."""

    changes: tuple[str, ...]
    lines: tuple[str, ...]
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What every chosen host said."""

    looked: tuple[Looked, ...]

    @property
    def differing(self) -> tuple[Looked, ...]:
        """Hosts that would change."""
        return tuple(one for one in self.looked if one.changes)

    @property
    def as_declared(self) -> tuple[str, ...]:
        """Hosts on which nothing would change."""
        return tuple(one.host for one in self.looked if not (one.changes or one.lost))

    @property
    def lost(self) -> dict[str, str]:
        """Hosts that could not be asked, and why; they are not part of the run, and never count as declared."""
        return {one.host: one.lost for one in self.looked if one.lost}

    @property
    def digests(self) -> dict[str, str]:
        """The digests of the manifests of the hosts that would change."""
        return {one.host: one.digest for one in self.differing}

    @property
    def groups(self) -> list[Group]:
        """The differing hosts by what would change, the largest group first."""
        together: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
        for one in self.differing:
            together.setdefault((one.changes, one.lines), []).append(one.host)
        found = [Group(changes, lines, tuple(hosts)) for (changes, lines), hosts in together.items()]
        return sorted(found, key=lambda group: (-len(group.hosts), group.hosts))


def make_plan(rendering: Rendering, hosts: Sequence[Host], contact: Callable[[Fleet, str], Contact]) -> Plan:
    """Ask every host; then one host of each kind that differs lets its programs check the files meant for it.

    Raises BadData for files that programs refuse, and ProvinceError when the run is about nothing on any of the hosts.
    Nothing is changed.
    """
    known = {host.name: rendering.known(host.name) for host in hosts}
    rendering.save()
    wanted = [name for name, one in known.items() if not one.empty]
    if not wanted:
        raise ProvinceError(
            f"none of these hosts has {' or '.join(rendering.only) or 'anything to apply'}",
            exit_code=ExitCode.NOTHING_SELECTED,
        )

    def one(name: str) -> Looked:
        return look_at(name, known[name].digest, rendering, contact(rendering.fleet, name))

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        plan = Plan(tuple(pool.map(one, wanted)))
    refuse_bad_files(rendering, plan)
    return plan


def look_at(host: str, digest: str, rendering: Rendering, contact: Contact) -> Looked:
    """Ask one host what applying its manifest would change."""
    asked = request("compare", digest=digest, only=rendering.only, check=True)
    try:
        answer = ask(contact, asked, partial(rendering.desired, host))
    except (NodeTrouble, ConnectionError) as error:
        return Looked(host, digest, lost=str(error))
    return Looked(host, digest, changes_of(answer), lines_of(answer.get("diff", [])))


def changes_of(answer: Answer) -> tuple[str, ...]:
    """What a host would change; one that is as declared but not `good` has old code, or something unfinished."""
    changes = tuple(str(one) for one in answer["changes"])
    return changes or (() if answer["good"] else (CODE,))


def lines_of(diff: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    """The lines that differ, each file's under its name."""
    found: list[str] = []
    for one in diff:
        before, after = (str(one.get(key, "")).splitlines() for key in ("before", "after"))
        name = str(one.get("after_header") or one.get("before_header", ""))
        found += difflib.unified_diff(before, after, name, name, n=0, lineterm="")
    return tuple(found)


def refuse_bad_files(rendering: Rendering, plan: Plan) -> None:
    """Raise BadData with what programs of one host of each kind have against the files that are meant for it."""
    hosts = one_of_each_kind(rendering.fleet.hosts[one.host] for one in plan.differing)
    if hosts and (refused := rehearse(rendering.fleet, [rendering.whole(host.name) for host in hosts])):
        raise BadData(refused)


def described(plan: Plan, *, whole: bool = False, shown: int = NAMED) -> list[str]:
    """The plan for people: a line for each group, what would change below it; `whole` with every line and name."""
    groups = plan.groups
    lines = [
        f"{len(plan.looked)} hosts   {len(plan.as_declared)} as declared   {len(plan.differing)} differ"
        + (f"   {len(plan.lost)} could not be asked" if plan.lost else "")
    ]
    for group in groups if whole else groups[:shown]:
        lines.append(f"{_count(group)}: {_names(group.hosts, whole=whole)}")
        lines += [f"  {one}" for one in group.changes]
        lines += [f"    {one}" for one in group.lines] if whole else []
    if not whole and len(groups) > shown:
        rest = [host for group in groups[shown:] for host in group.hosts]
        lines.append(f"{len(rest)} hosts differ in {len(groups) - shown} more ways: see --diff")
    return [*lines, *(f"not asked, waits for `province apply --pending`: {one}: {why}" for one, why in _lost(plan))]


def _lost(plan: Plan) -> list[tuple[str, str]]:
    return [(host, (why.strip().splitlines() or ["no reason"])[-1]) for host, why in plan.lost.items()]


def _count(group: Group) -> str:
    changed = sum(line[0] in "+-" and not line.startswith(("+++", "---")) for line in group.lines)
    lines = f" ({changed} lines of files)" if changed else ""
    if len(group.hosts) == 1:
        return f"1 host{lines}"
    return f"{len(group.hosts)} hosts the same{lines}"


def _names(hosts: Sequence[str], *, whole: bool) -> str:
    if whole or len(hosts) <= NAMED:
        return " ".join(hosts)
    return f"{' '.join(hosts[:NAMED])} and {len(hosts) - NAMED} more"
