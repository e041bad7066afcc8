"""The steps from one release to what lies here: each thing that has to be done, once, in the order that works."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from province.releases.change import Change

BASELINE = "ansible-playbook ansible/playbooks/baseline.yml"
APPLIED = re.compile(rf"^({re.escape(BASELINE)}|province apply|province verify|province up)\b")
"""Steps that one application of everything stands for."""
LIMITED = re.compile(rf"^{re.escape(BASELINE)}\b(?!.*--check).*--limit (?P<hosts>[a-z0-9_,]+)")
WAVES = frozenset({"edge", "wave_1", "all"})
"""What a roll-out orders by itself."""


@dataclass(frozen=True)
class Upgrade:
    """What an operator does: once each, from above to below."""

    rehearse: str
    before: tuple[str, ...]
    """What single changes ask for ahead of their application, in the order of the changes."""
    apply: tuple[str, ...]
    after: tuple[str, ...]
    """What they ask for once they are applied."""

    @property
    def steps(self) -> tuple[str, ...]:
        """All of it; verification ends it."""
        return (self.rehearse, *self.before, *self.apply, *self.after, "province verify")


def upgrade(changes: Iterable[Change], since: str) -> Upgrade | None:
    """The way from a release; None when nothing that touches hosts came after it.

    Hosts that some change wants before the others come first; then a roll-out takes all of them.
    """
    every = list(changes)
    if not every:
        return None
    touched = ",".join(_once(touch for one in every for touch in one.said.touches))
    reason = f'"from {since}"'
    first = _once(host for one in every for step in one.said.steps for host in _limited(step) if host not in WAVES)
    ahead = [f"{BASELINE} --limit {','.join(first)} -e reason={reason}"] if first else []
    around = [_around(one.said.steps) for one in every]
    return Upgrade(
        rehearse=f"{BASELINE} --tags {touched} --check --diff",
        before=tuple(_once(step for before, _ in around for step in before)),
        apply=(*ahead, f"province apply --reason {reason}"),
        after=tuple(_once(step for _, after in around for step in after)),
    )


def _around(steps: Iterable[str]) -> tuple[list[str], list[str]]:
    """What a change asks for besides its application: ahead of it, and after it began."""
    before: list[str] = []
    after: list[str] = []
    applied = False
    for step in steps:
        if not APPLIED.match(step):
            (after if applied else before).append(step)
        elif "--check" not in step:
            applied = True
    return before, after


def _limited(step: str) -> list[str]:
    found = LIMITED.match(step)
    return found["hosts"].split(",") if found else []


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
