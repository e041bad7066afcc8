"""Pulumi's stacks, by the plain commands that a person would type, with the errors that need a person made clear."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from province.errors import ProvinceError
from province.fleet.descriptor import read_descriptor
from province.ops.last_up import Known
from province.ops.plan_guard import Refusal, refusals, refuse
from province.ops.stack_trouble import trouble
from province.ops.workplace import COLOURS, Outcome, Workplace

SUMMARY = re.compile(r"^Resources:\n((?:[ \t]+.*\n?)+)", re.MULTILINE)
COUNT = re.compile(r"(\d+) ([a-z]+(?: [a-z]+)*)")
PROVIDER = "pulumi:providers:kubernetes"
UNCHANGED = "unchanged"
LOOKS = frozenset({"refresh", "read", "same"})
"""Steps of a plan that change nothing."""
FOUND_BY_REFRESH = frozenset({"update", "delete"})
"""Steps that a refresh, too, names when it finds an object changed or gone."""
TOTAL = "changes"

REFRESHED = ("--refresh", "--run-program")
"""See what is really there, through the access that the program names now and not the one of the last run."""


@dataclass(frozen=True)
class StackRun:
    """What a command did, or would do, to one stack: how many resources by outcome (`created`, `unchanged` …)."""

    stack: str
    counts: Mapping[str, int]
    seconds: float
    log: Path

    @property
    def changed(self) -> bool:
        """Whether any resource is not as it was."""
        return any(count for word, count in self.counts.items() if word != UNCHANGED)

    @property
    def line(self) -> str:
        """The counts for people."""
        return ", ".join(f"{count} {word}" for word, count in self.counts.items())


@dataclass(frozen=True)
class Plan:
    """What `up` would do to a stack, as `pulumi preview --json` says it."""

    stack: str
    preview: Mapping[str, Any]
    seconds: float

    @property
    def counts(self) -> dict[str, int]:
        """How many resources by operation (`create`, `update`, `same` …)."""
        return {str(word): int(count) for word, count in self.preview.get("changeSummary", {}).items()}


def listed(work: Workplace) -> dict[str, Known]:
    """Every stack that the backend has, by name."""
    outcome = work.run("stacks", ["pulumi", "stack", "ls", "--json", "--non-interactive"], answers=True)
    succeeded("stack ls", outcome)
    return {
        entry["name"]: Known(str(entry.get("lastUpdate")), int(entry.get("resourceCount") or 0))
        for entry in json.loads(outcome.output.read_text(encoding="utf-8"))
    }


Guard = Callable[[Mapping[str, Any]], Sequence[Refusal]]
"""What a plan does that no plan may do."""


def up(work: Workplace, stack: str, descriptor: Path, reason: str, guard: Guard = refusals) -> StackRun:
    """Make the cluster as declared, whatever somebody changed in it by hand; `reason` stands in the stack's history.

    Raises ProvinceError when the stack belongs to another cluster than the descriptor's, when it is locked, when
    the cluster does not answer, when the plan does what `guard` refuses, and when anything else fails.
    """
    select(work, stack)
    if _holds_objects(work, stack, descriptor):
        plan = preview(work, stack)
        refuse(guard(plan.preview), stack)
    words = ["pulumi", "up", "--yes", "--skip-preview", *REFRESHED, "--non-interactive", "--message", reason]
    return _finished(stack, work.run(f"up-{stack}", [*words, "--stack", stack]))


def preview(work: Workplace, stack: str) -> Plan:
    """What `up` would do, changes by hand included; nothing is touched."""
    words = ["pulumi", "preview", "--json", *REFRESHED, "--non-interactive", "--stack", stack]
    outcome = work.run(f"preview-{stack}", words, answers=True)
    found = _printed(outcome)
    planned = {**found, "steps": planned_steps(found.get("steps") or ())}
    if outcome.code != 0 and not refusals(planned):
        raise trouble(stack, outcome)
    # Pulumi itself stops at what is protected, and offers to take the protection off; a refusal of ours says more.
    return Plan(stack, planned, outcome.seconds)


def _printed(outcome: Outcome) -> Mapping[str, Any]:
    """The plan that a preview printed, as far as it came; one without steps when it failed before."""
    text = outcome.output.read_text(encoding="utf-8")
    try:
        found: Mapping[str, Any] = json.loads(text)
    except ValueError:
        if outcome.code == 0:
            raise
        return {}
    return found


def planned_steps(steps: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The steps that `up` would take, without what the refresh before them only looked at.

    What somebody changed by hand is an `update` of the refresh and then one of ours, what somebody deleted a `delete`
    and then a `create`: the last word about a resource is what would happen.
    """
    last = {step["urn"]: step for step in steps}
    seen = [step for step in steps if step["op"] not in LOOKS]
    return [step for step in seen if step["op"] not in FOUND_BY_REFRESH or last[step["urn"]] is step]


def drift(work: Workplace, stack: str, descriptor: Path) -> StackRun:
    """What in the cluster is no longer as the last run left it; the log holds each field. Nothing is touched."""
    select(work, stack)
    _holds_objects(work, stack, descriptor)
    words = ["pulumi", "refresh", "--preview-only", "--run-program", "--diff", "--non-interactive", "--stack", stack]
    return _finished(stack, work.run(f"drift-{stack}", words))


def destroy(work: Workplace, stack: str, descriptor: Path, reason: str, *, dry_run: bool) -> StackRun:
    """Take what a stack declares out of its cluster, except what is protected; with `dry_run` only say what that is."""
    _holds_objects(work, stack, descriptor)
    words = ["pulumi", "destroy", "--exclude-protected", "--run-program", "--non-interactive", "--stack", stack]
    words += ["--preview-only"] if dry_run else ["--yes", "--skip-preview", "--message", reason]
    return _finished(stack, work.run(f"destroy-{stack}", words))


def forget(work: Workplace, stack: str) -> None:
    """Drop what is known of a stack whose cluster is gone; nothing is deleted in any cluster."""
    words = ["pulumi", "stack", "rm", "--yes", "--force", "--preserve-config", "--stack", stack]
    succeeded(stack, work.run(f"forget-{stack}", words))


def select(work: Workplace, stack: str) -> None:
    """Make the stack, empty, if the backend does not have it."""
    words = ["pulumi", "stack", "select", "--create", "--non-interactive", "--stack", stack]
    succeeded(stack, work.run(f"select-{stack}", words))


def exported(work: Workplace, stack: str) -> list[dict[str, Any]]:
    """The resources in a stack's state."""
    outcome = work.run(f"export-{stack}", ["pulumi", "stack", "export", "--stack", stack], answers=True)
    succeeded(stack, outcome)
    state = json.loads(outcome.output.read_text(encoding="utf-8"))
    outcome.output.unlink()
    found: list[dict[str, Any]] = (state.get("deployment") or {}).get("resources") or []
    return found


def _holds_objects(work: Workplace, stack: str, descriptor: Path) -> bool:
    """Whether the stack holds anything yet.

    Raises ProvinceError when that is in another cluster than the descriptor's: a cluster that was built anew is
    another one, and its stack would replace, and so delete, what it owns.
    """
    described = read_descriptor(descriptor).kube_system_uid
    resources = exported(work, stack)
    recorded = {str(one["inputs"].get("clusterIdentifier")) for one in resources if one["type"] == PROVIDER}
    if others := recorded - {described}:
        raise ProvinceError(
            f"stack {stack} belongs to the cluster {', '.join(sorted(others))}, but the descriptor names {described}",
            hint=f"if the old cluster is gone for good: pulumi stack rm --force --preserve-config --stack {stack}",
        )
    return bool(resources)


def _finished(stack: str, outcome: Outcome) -> StackRun:
    succeeded(stack, outcome)
    return StackRun(stack, counts(outcome.text), outcome.seconds, outcome.log)


def counts(printed: str) -> dict[str, int]:
    """The counts of the last summary that Pulumi printed, by what happened to so many resources."""
    summaries: Sequence[str] = SUMMARY.findall(COLOURS.sub("", printed))
    found = COUNT.findall(summaries[-1]) if summaries else ()
    return {word: int(number) for number, word in found if word != TOTAL}


def succeeded(stack: str, outcome: Outcome) -> None:
    """Raise what a person must mend, unless the command ended well."""
    if outcome.code != 0:
        raise trouble(stack, outcome)
