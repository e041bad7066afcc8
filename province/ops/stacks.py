"""Pulumi's stacks, by the plain commands that a person would type, with the errors that need a person made clear."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.fleet.descriptor import read_descriptor
from province.ops.workplace import Outcome, Workplace

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
SUMMARY = re.compile(r"^Resources:\n((?:[ \t]+.*\n?)+)", re.MULTILINE)
COUNT = re.compile(r"(\d+) ([a-z]+(?: [a-z]+)*)")
PROVIDER = "pulumi:providers:kubernetes"
UNCHANGED = "unchanged"
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


def up(work: Workplace, stack: str, descriptor: Path) -> StackRun:
    """Make the cluster as declared, whatever somebody changed in it by hand.

    Raises ProvinceError when the stack belongs to another cluster than the descriptor's, when it is locked, when
    the cluster does not answer, and when anything else fails.
    """
    _select(work, stack)
    _refuse_another_cluster(work, stack, descriptor)
    words = ["pulumi", "up", "--yes", "--skip-preview", *REFRESHED, "--non-interactive", "--stack", stack]
    return _finished(stack, work.run(f"up-{stack}", words))


def preview(work: Workplace, stack: str) -> StackRun:
    """What `up` would do as far as the last run knows; drift is not seen, and nothing is touched."""
    _select(work, stack)
    words = ["pulumi", "preview", "--diff", "--non-interactive", "--stack", stack]
    return _finished(stack, work.run(f"preview-{stack}", words))


def drift(work: Workplace, stack: str, descriptor: Path) -> StackRun:
    """What in the cluster is no longer as the last run left it; the log holds each field. Nothing is touched."""
    _select(work, stack)
    _refuse_another_cluster(work, stack, descriptor)
    words = ["pulumi", "refresh", "--preview-only", "--run-program", "--diff", "--non-interactive", "--stack", stack]
    return _finished(stack, work.run(f"drift-{stack}", words))


def forget(work: Workplace, stack: str) -> None:
    """Drop what is known of a stack whose cluster is gone; nothing is deleted in any cluster."""
    words = ["pulumi", "stack", "rm", "--yes", "--force", "--preserve-config", "--stack", stack]
    _succeeded(stack, work.run(f"forget-{stack}", words))


def _select(work: Workplace, stack: str) -> None:
    words = ["pulumi", "stack", "select", "--create", "--non-interactive", "--stack", stack]
    _succeeded(stack, work.run(f"select-{stack}", words))


def _refuse_another_cluster(work: Workplace, stack: str, descriptor: Path) -> None:
    """A cluster that was built anew is another cluster: its stack would replace, and so delete, what it owns."""
    described = read_descriptor(descriptor).kube_system_uid
    exported = work.private / "logs" / f"{stack}.state.json"
    _succeeded(
        stack,
        work.run(f"export-{stack}", ["pulumi", "stack", "export", "--stack", stack, "--file", str(exported)]),
    )
    recorded = _recorded_cluster(exported)
    exported.unlink()
    if recorded not in {None, described}:
        raise ProvinceError(
            f"stack {stack} belongs to the cluster {recorded}, but the descriptor names {described}",
            hint=f"if the old cluster is gone for good: pulumi stack rm --force --preserve-config --stack {stack}",
        )


def _recorded_cluster(exported: Path) -> str | None:
    """The uid of the cluster that a stack's state speaks of; None while it holds nothing."""
    state = json.loads(exported.read_text(encoding="utf-8"))
    for resource in (state.get("deployment") or {}).get("resources") or ():
        if resource["type"] == PROVIDER:
            return str(resource["inputs"].get("clusterIdentifier"))
    return None


def _finished(stack: str, outcome: Outcome) -> StackRun:
    _succeeded(stack, outcome)
    return StackRun(stack, counts(outcome.text), outcome.seconds, outcome.log)


def counts(printed: str) -> dict[str, int]:
    """The counts of the last summary that Pulumi printed, by what happened to so many resources."""
    summaries: Sequence[str] = SUMMARY.findall(COLOURS.sub("", printed))
    found = COUNT.findall(summaries[-1]) if summaries else ()
    return {word: int(number) for number, word in found if word != TOTAL}


def _succeeded(stack: str, outcome: Outcome) -> None:
    if outcome.code == 0:
        return
    text = COLOURS.sub("", outcome.text)
    if "currently locked by" in text:
        raise ProvinceError(
            f"stack {stack} is locked: another run is at work, or one was killed\n{outcome.tail}",
            hint=f"if none is at work any more: pulumi cancel --yes --stack {stack}",
        )
    raise ProvinceError(
        f"stack {stack}: Pulumi ended with exit code {outcome.code}\n{outcome.tail}",
        hint=f"everything it printed: {outcome.log}",
        exit_code=ExitCode.UNREACHABLE if "does not answer" in text else ExitCode.FAILED,
    )
