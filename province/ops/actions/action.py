"""An operator's action: what every verb says of itself, and the one way in which it is looked at before it is done.

Batches, limits, journal, resume and reports are those of a roll-out (`province/rollout`); a verb only says what it does
to one host. Its docstring is its runbook: what, then `When:`, `Blast radius:` and `Way back:` (`runbook.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.ops.actions.remote import ActionTrouble, Remote
from province.ops.node_ssh import SshContact
from province.ops.node_wire import Contact
from province.rollout.batches import batches_of
from province.rollout.entries import PlannedBatch
from province.rollout.plan import Looked, Plan
from province.verify.reach import AT_A_TIME


@dataclass(frozen=True)
class Scene:
    """Where an action takes place: the fleet, ways to its hosts, and a folder of its own for what it keeps."""

    fleet: Fleet
    remote: Remote
    folder: Path
    contact: Callable[[Fleet, str], Contact] = SshContact


class Action(ABC):
    """One verb. It is made anew from its arguments, so a resumed run does what the first one was told."""

    verb: ClassVar[str]
    commands: ClassVar[tuple[str, ...]]
    """How it is typed, for the runbook."""
    urgent: ClassVar[bool] = False
    """Whether it waits for no other run, window or freeze."""
    at_once: ClassVar[bool] = False
    """Whether it is done everywhere at the same time rather than in batches."""
    at_most: ClassVar[int | None] = None
    """How many hosts one call may be about."""
    healthy_seconds: ClassVar[float] = 60.0
    """How long a host may take until it is healthy again."""

    def __init__(self, arguments: Mapping[str, str]) -> None:
        self.arguments = dict(arguments)

    @property
    def keeps_calendar(self) -> bool:
        """Whether windows and freezes hold for it: for all that changes what hosts do, unless it is urgent."""
        return not self.urgent

    def places(self, fleet: Fleet, targets: Sequence[Host]) -> tuple[Host, ...]:  # noqa: ARG002 - others ask it
        """The hosts on which something is done for these targets: as a rule the targets themselves."""
        return tuple(targets)

    def about(self, fleet: Fleet) -> tuple[str, ...]:  # noqa: ARG002 - others have something to say
        """What an operator should know beside what is done to hosts, a line each; read before anything is done."""
        return ()

    def prepare(self, scene: Scene) -> None:  # noqa: ARG002 - others need it
        """Do what has to be so at the controller before the first host; done again by a resumed run."""
        return

    @abstractmethod
    def pre(self, scene: Scene, host: Host) -> str:
        """What would be done to the host, in a line; empty when nothing has to be.

        Nothing is changed. Raises ActionTrouble when it must not be done there, ConnectionError when out of reach.
        """

    @abstractmethod
    def act(self, scene: Scene, host: Host) -> str:
        """Do it, and say what was done. Doing it twice does no harm. Raises as `pre` does."""

    @abstractmethod
    def unhealthy(self, scene: Scene, host: Host) -> str:
        """What is not yet as it should be after it was done; empty when all is well. Raises as `pre` does."""

    def back(self, scene: Scene, host: Host) -> str | None:  # noqa: ARG002 - others undo something
        """Undo it, and say how; None for what cannot be undone."""
        return None


def look(action: Action, scene: Scene, hosts: Sequence[Host]) -> Plan:
    """Ask every host what would be done, before anything is.

    Raises ProvinceError when any host must not be treated so: then none is, because the choice of hosts is wrong.
    """

    def one(host: Host) -> tuple[Looked, str]:
        try:
            would = action.pre(scene, host)
        except ActionTrouble as trouble:
            return Looked(host.name, ""), str(trouble)
        except ConnectionError as error:
            return Looked(host.name, "", lost=str(error)), ""
        return Looked(host.name, "", (would,) if would else ()), ""

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        looked = list(pool.map(one, hosts))
    if refused := [f"{one.host}: {why}" for one, why in looked if why]:
        lines = "\n  ".join(refused)
        raise ProvinceError(f"{action.verb} is refused; nothing was changed\n  {lines}")
    return Plan(tuple(one for one, _ in looked))


def chosen(action: Action, fleet: Fleet, targets: Sequence[Host]) -> tuple[Host, ...]:
    """The hosts on which something is done; ProvinceError for more targets than the action may be about."""
    if action.at_most is not None and len(targets) > action.at_most:
        raise ProvinceError(
            f"{action.verb} is about at most {action.at_most} hosts at a time, not {len(targets)}",
            hint="name them one by one",
            exit_code=ExitCode.USAGE,
        )
    return action.places(fleet, targets)


def batches(action: Action, fleet: Fleet, hosts: Sequence[Host], largest: int | None) -> tuple[PlannedBatch, ...]:
    """Who is treated together: the batches of a roll-out, none of them larger than that; nobody is left to soak."""
    if action.at_once:
        names = tuple(host.name for host in hosts)
        return (PlannedBatch(stage="all-at-once", hosts=names, soak_seconds=0),) if names else ()
    return tuple(
        PlannedBatch(stage=batch.stage, hosts=batch.hosts[begin : begin + size], soak_seconds=0)
        for batch in batches_of(fleet, hosts)
        for size in (largest or len(batch.hosts),)
        for begin in range(0, len(batch.hosts), size)
    )
