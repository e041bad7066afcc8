"""What hosts are, beside what the model says and what was applied last; hosts that differ alike stand together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from province.errors import ExitCode
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.rendering import Rendering
from province.ops import node_talk
from province.ops.node_wire import Contact, NodeTrouble, ask, request
from province.ops.step import Step
from province.verify.reach import AT_A_TIME

NAMED = 6
HAND = "changed since it was applied"
MODEL = "not applied yet"
FOREIGN = "declared by nobody"
PUT_BACK = "put back"


@dataclass(frozen=True)
class HostDrift:
    """One host: each difference with its cause, or why nothing is known of it.

    `foreign` are files that nobody declared where every file takes effect: shown, and no drift by themselves.
    """

    host: str
    differences: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    unreachable: str = ""
    trouble: str = ""


@dataclass(frozen=True)
class Alike:
    """Hosts of which the same is to be said."""

    lines: tuple[str, ...]
    hosts: tuple[str, ...]


def look_at(host: str, wish: node_talk.Wish, contact: Contact) -> HostDrift:
    """Ask one host what differs from what was applied last, and what applying the model would change; both only look.

    What differs from the last application was changed on the host; the rest of what applying would change is new
    in the model.
    """
    try:
        own = ask(contact, request("status"))
        would = node_talk.apply(contact, replace(wish, check=True))
    except NodeTrouble as trouble:
        return HostDrift(host, trouble=str(trouble))
    except ConnectionError as error:
        return HostDrift(host, unreachable=str(error))
    by_hand = [str(one) for one in own["differs"]]
    back = own["put_back"]
    return HostDrift(
        host,
        (
            *(f"{HAND}: {one}" for one in by_hand),
            *(f"{MODEL}: {one}" for one in would.changes if one not in by_hand),
            *([f"{PUT_BACK}: {back['why']}"] if back else []),
        ),
        tuple(f"{FOREIGN}: {one}" for one in would.foreign),
    )


def look_at_all(
    rendering: Rendering, hosts: Sequence[Host], contact: Callable[[Fleet, str], Contact]
) -> list[HostDrift]:
    """The same for many hosts, some at a time, in their order."""
    wishes = {
        host.name: node_talk.Wish(rendering.known(host.name).digest, partial(rendering.desired, host.name))
        for host in hosts
    }
    rendering.save()

    def one(host: Host) -> HostDrift:
        return look_at(host.name, wishes[host.name], contact(rendering.fleet, host.name))

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(pool.map(one, hosts))


def alike(found: Iterable[HostDrift]) -> list[Alike]:
    """The hosts of which anything is to be said, those with the same lines together, the largest group first."""
    together: dict[tuple[str, ...], list[str]] = {}
    for one in found:
        if lines := (*one.differences, *one.foreign):
            together.setdefault(lines, []).append(one.host)
    groups = [Alike(lines, tuple(hosts)) for lines, hosts in together.items()]
    return sorted(groups, key=lambda one: (-len(one.hosts), one.hosts))


def step(found: Sequence[HostDrift], seconds: float) -> Step:
    """All hosts as one step; it has failed when some could not be asked, and says which."""
    groups = alike(found)
    differ = sum(bool(one.differences) for one in found)
    lost = [one for one in found if one.unreachable or one.trouble]
    words = [f"{len(found)} hosts: {len(found) - differ - len(lost)} as declared", f"{differ} differ"]
    words += [f"{len(lost)} unknown"] if lost else []
    details = [line for one in groups for line in (_names(one.hosts), *(f"  {text}" for text in one.lines))]
    return Step(
        "hosts",
        ", ".join(words),
        differ > 0,
        seconds,
        tuple(details),
        failed="\n  ".join(f"{one.host}: {one.trouble or one.unreachable}" for one in lost),
        code=_code(lost),
        again=f"province drift {' '.join(one.host for one in lost)}",
    )


def find(rendering: Rendering, hosts: Sequence[Host], contact: Callable[[Fleet, str], Contact]) -> Step:
    """Look at hosts, and say what differs."""
    begun = time.monotonic()
    found = look_at_all(rendering, hosts, contact)
    return step(found, time.monotonic() - begun)


def _code(lost: Sequence[HostDrift]) -> ExitCode:
    if any(one.trouble for one in lost):
        return ExitCode.FAILED
    return ExitCode.UNREACHABLE if lost else ExitCode.OK


def _names(hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - NAMED} more" if len(hosts) > NAMED else ""
    return f"{len(hosts)} alike: {', '.join(hosts[:NAMED])}{more}" if len(hosts) > 1 else hosts[0]
