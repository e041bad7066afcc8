"""systemd units: enabled and running as declared; what changed is restarted or reloaded, nothing else."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable
from fnmatch import fnmatch
from typing import Any, NamedTuple

from .node import Node, Trouble

UNIT_FOLDER = "/etc/systemd/system/"
ENABLED = ("enabled", "static", "alias", "indirect", "generated", "enabled-runtime")
PROPERTIES = "Id,LoadState,ActiveState,UnitFileState"
PATIENCE = 30.0
"""Seconds that a unit may take to become active and a health command to succeed."""


class Seen(NamedTuple):
    """A unit as systemd has it."""

    active: str
    enabled: bool


class Action(NamedTuple):
    """One call of systemctl."""

    verb: str
    unit: str

    @property
    def what(self) -> str:
        """The action in a few words."""
        return f"{self.verb} {self.unit}"


def plan(node: Node, units: dict[str, dict[str, Any]], changed: Iterable[str]) -> list[Action]:
    """The calls that bring all units to their state, given the paths of the files that changed, in order."""
    paths = list(changed)
    seen = look(node, list(units))
    actions: list[Action] = []
    for name, unit in units.items():
        actions += _plan(node, name, unit, seen[name], paths)
    return actions


def retire(node: Node, name: str, before: dict[str, Any]) -> list[Action]:
    """The calls that make a unit what it was before we had it."""
    seen = look(node, [name])[name]
    actions = [Action("disable", name)] if seen.enabled and not before["enabled"] else []
    return actions + ([Action("stop", name)] if is_active(seen) and not before["active"] else [])


def apply(node: Node, actions: Iterable[Action], changed: Iterable[str]) -> None:
    """Make the calls; units whose files changed are read anew first."""
    if any(path.startswith(UNIT_FOLDER) for path in changed):
        node.step("daemon-reload")
        node.run(["systemctl", "daemon-reload"])
    for action in actions:
        node.step(f"systemctl {action.what}")
        done = node.try_run(["systemctl", action.verb, action.unit])
        if done.code:
            raise Trouble(f"systemctl {action.what} failed:\n{done.tail}\n{_last_words(node, action.unit)}")


def bring_up(node: Node, brought: Iterable[str], declared: Iterable[str]) -> None:
    """Start what packages brought and nobody declares, if it would start at the next boot.

    One that fails is no trouble of the change that brought it; the host's checks show it.
    """
    node.step("daemon-reload")
    node.run(["systemctl", "daemon-reload"])
    seen = _properties(node, "Id,UnitFileState,WantedBy", sorted(set(brought) - set(declared)))
    enabled = {name: one for name, one in seen.items() if one.get("UnitFileState") == "enabled"}
    wanted_by = {name: one.get("WantedBy", "").split() for name, one in enabled.items()}
    targets = look(node, sorted({target for found in wanted_by.values() for target in found}))
    due = [name for name, found in wanted_by.items() if any(is_active(targets[target]) for target in found)]
    if due:
        node.step(f"start {' '.join(due)}")
        node.try_run(["systemctl", "start", "--", *due])


def stop_new(node: Node, units: dict[str, dict[str, Any]]) -> None:
    """Stop what did not run before, while its files are still there: they say how it is stopped."""
    seen = look(node, list(units))
    for name, before in units.items():
        if not before["active"] and is_active(seen[name]):
            node.step(f"put back: stop {name}")
            node.try_run(["systemctl", "stop", name])


def restore(node: Node, units: dict[str, dict[str, Any]], changed: list[str], wait: bool) -> None:
    """Make units what they were, with the files that are back in their places; one that fails stops no other.

    Without `wait` systemd is only told to: while it boots, it cannot finish what it has not begun.
    """
    if any(path.startswith(UNIT_FOLDER) for path in changed):
        node.step("put back: daemon-reload")
        node.run(["systemctl", "daemon-reload"])
    seen = look(node, list(units))
    failed = []
    for name, before in units.items():
        for verb in _way_back(before, seen[name], changed):
            node.step(f"put back: {verb} {name}")
            patience = () if wait or verb in ("enable", "disable") else ("--no-block",)
            done = node.try_run(["systemctl", verb, *patience, name])
            failed += [f"systemctl {verb} {name}: {done.head}"] if done.code else []
    if failed:
        raise Trouble("\n".join(failed))


def _way_back(before: dict[str, Any], seen: Seen, changed: list[str]) -> list[str]:
    verbs = []
    if before["enabled"] != seen.enabled:
        verbs.append("enable" if before["enabled"] else "disable")
    if not before["active"]:
        return verbs + (["stop"] if is_active(seen) else [])
    if not is_active(seen) or _touched(before["restart_on"], changed):
        return [*verbs, "restart"]
    return [*verbs, "reload-or-restart"] if _touched(before["reload_on"], changed) else verbs


def look(node: Node, names: list[str]) -> dict[str, Seen]:
    """How systemd has units, in this order; one that does not exist is inactive and disabled."""
    return {
        name: Seen(block.get("ActiveState", ""), block.get("UnitFileState", "") in ENABLED)
        for name, block in _properties(node, PROPERTIES, names).items()
    }


def _properties(node: Node, wanted: str, names: list[str]) -> dict[str, dict[str, str]]:
    """Properties of units, in this order; Trouble when systemd does not answer for each of them."""
    if not names:
        return {}
    output = node.try_run(["systemctl", "show", f"--property={wanted}", "--", *names]).output
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in output.split("\n\n")]
    found = [block for block in blocks if block]
    if len(found) != len(names):
        raise Trouble(f"systemctl show answered for {len(found)} of {len(names)} units:\n{output[:400]}")
    return dict(zip(names, found))  # noqa: B905 - Python 3.9; the lengths were compared


def is_active(seen: Seen) -> bool:
    """Whether a unit runs or is about to."""
    return seen.active in ("active", "reloading", "activating")


def settle(node: Node, units: dict[str, dict[str, Any]], health: Iterable[str]) -> None:
    """Wait until all units are active and all health commands succeed; Trouble names what does not."""
    running = [name for name, unit in units.items() if unit["state"] == "running"]
    deadline = time.monotonic() + PATIENCE
    for name in running:
        _wait(lambda name=name: _inactive(node, name), deadline)
    for command in health:
        _wait(lambda command=command: _failure(node, command), deadline)


def working(node: Node, commands: Iterable[str]) -> list[str]:
    """Those of the commands that succeed now."""
    return [command for command in commands if _failure(node, command) is None]


def _plan(node: Node, name: str, unit: dict[str, Any], seen: Seen, changed: list[str]) -> list[Action]:
    actions = []
    if unit["enabled"] != seen.enabled:
        actions.append(Action("enable" if unit["enabled"] else "disable", name))
    active = is_active(seen)
    verb = _verb(unit, active, changed)
    if active and not verb and unit["probe"] and node.try_run(shlex.split(unit["probe"])).code:
        verb = "reload-or-restart"
    return actions + ([Action(verb, name)] if verb else [])


def _verb(unit: dict[str, Any], active: bool, changed: list[str]) -> str:
    restart = _touched(unit["restart_on"], changed)
    reload = _touched(unit["reload_on"], changed)
    if unit["state"] == "stopped":
        return "stop" if active else ""
    if not active:
        return "start" if unit["state"] == "running" else ""
    if restart:
        return "restart"
    return "reload-or-restart" if reload else ""


def _touched(patterns: Iterable[str], changed: list[str]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns for path in changed)


def _wait(problem: Any, deadline: float) -> None:
    while (text := problem()) is not None:
        if time.monotonic() > deadline:
            raise Trouble(text)
        time.sleep(0.5)


def _inactive(node: Node, name: str) -> str | None:
    state = look(node, [name])[name].active
    return None if state == "active" else f"{name} is {state} instead of running:\n{_last_words(node, name)}"


def _failure(node: Node, command: str) -> str | None:
    done = node.try_run(command.split())
    return None if done.code == 0 else f"health: `{command}` ended with {done.code}:\n{done.tail}"


def _last_words(node: Node, name: str) -> str:
    return node.try_run(["journalctl", "--no-pager", "--lines=10", "--output=cat", "--unit", name]).tail
