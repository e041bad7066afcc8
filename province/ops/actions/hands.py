"""The hands of an operator's action: pre-check, act, wait until healthy; the rest of the run is a roll-out's."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.ops.actions.action import Action, Scene
from province.ops.actions.catalogue import action_of
from province.ops.actions.remote import ActionTrouble, Remote, SshRemote
from province.ops.workplace import Workplace
from province.rollout.conduct import Hands, Seen, Told
from province.rollout.entries import APPLY, Back, Begun, Result
from province.rollout.real_hands import RealHands
from province.verify.reach import AT_A_TIME

LOOK_EVERY = 2.0
"""Seconds between two looks at a host that is not healthy yet."""
KEPT = "kept"
"""The folder of a run in which an action keeps what it brought."""

AnswerT = TypeVar("AnswerT")


@dataclass
class ActionHands(RealHands):
    """What an action does to hosts; time and requests are those of any run."""

    remote: Callable[[Fleet], Remote] = SshRemote
    look_every: float = LOOK_EVERY

    @property
    def action(self) -> Action:
        """The action that the journal's first line names."""
        return action_of(self.begun.verb, self.begun.arguments)

    @property
    def scene(self) -> Scene:
        """Where it takes place."""
        return Scene(self.fleet, self.remote(self.fleet), self.folder / KEPT, self.contact)

    def apply(self, batch: int, hosts: Sequence[str], told: Told) -> None:  # noqa: ARG002 - a log is kept of others
        """Ask once more whether it may be done, and do it."""
        action, scene = self.action, self.scene
        action.prepare(scene)

        def one(host: Host) -> tuple[Result, str]:
            if not action.pre(scene, host):
                return Result.OK, "it is so already"
            return Result.CHANGED, action.act(scene, host)

        self._each(hosts, one, _failure, told)

    def verify(self, batch: int, hosts: Sequence[str]) -> dict[str, Seen]:  # noqa: ARG002 - see above
        """Wait for every host to be healthy; one that is not in its time has failed."""
        action, scene = self.action, self.scene
        seen: dict[str, Seen] = {}

        def one(host: Host) -> tuple[Result, str]:
            until = time.monotonic() + action.healthy_seconds
            while wrong := action.unhealthy(scene, host):
                if time.monotonic() > until:
                    return Result.FAILED, f"not healthy after {action.healthy_seconds:.0f} s: {wrong}"
                time.sleep(self.look_every)
            return Result.OK, ""

        self._each(hosts, one, _failure, lambda host, result, said: seen.update({host: Seen(result, said)}))
        return {host: seen[host] for host in hosts}

    def put_back(self, hosts: Sequence[str], told: Callable[[str, Back, str], None]) -> None:
        """Undo it where it can be undone."""
        action, scene = self.action, self.scene

        def one(host: Host) -> tuple[Back, str]:
            said = action.back(scene, host)
            return (Back.LEFT, f"{action.verb} cannot be undone") if said is None else (Back.BACK, said)

        self._each(hosts, one, _failed_return, told)

    def _each(
        self,
        hosts: Sequence[str],
        one: Callable[[Host], tuple[AnswerT, str]],
        trouble: Callable[[Exception], tuple[AnswerT, str]],
        told: Callable[[str, AnswerT, str], None],
    ) -> None:
        """Treat hosts beside each other, each of them told of as soon as it is known."""

        def guarded(host: Host) -> tuple[AnswerT, str]:
            try:
                return one(host)
            except (ActionTrouble, ConnectionError) as error:
                return trouble(error)

        with ThreadPoolExecutor(AT_A_TIME) as pool:
            asked = {pool.submit(guarded, self.fleet.hosts[host]): host for host in hosts}
            for done in as_completed(asked):
                told(asked[done], *done.result())


def _failure(error: Exception) -> tuple[Result, str]:
    return (Result.FAILED if isinstance(error, ActionTrouble) else Result.UNREACHABLE), str(error)


def _failed_return(error: Exception) -> tuple[Back, str]:
    return (Back.FAILED if isinstance(error, ActionTrouble) else Back.UNREACHABLE), str(error)


def hands_for(work: Workplace, fleet: Fleet, begun: Begun, folder: Path, lock: int) -> Hands:
    """The hands that a run needs: Ansible's for a roll-out, else those of its action."""
    kind: Mapping[bool, type[RealHands]] = {True: RealHands, False: ActionHands}
    return kind[begun.verb == APPLY](work, fleet, begun, folder, lock)
