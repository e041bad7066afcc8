"""What a run did, step by step, and how a run ends in which not every step came to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from province.errors import ExitCode, ProvinceError


@dataclass(frozen=True)
class Step:
    """What a step did or would do: a line for people, and whether anything changed or differs.

    `details` are lines below it. `failed` says why it did not come to its end, and `code` of which sort that is;
    `again` is the command to paste once it is mended.
    """

    name: str
    line: str
    changed: bool
    seconds: float
    details: tuple[str, ...] = ()
    failed: str = ""
    code: ExitCode = ExitCode.OK
    again: str = ""


def failed_step(name: str, error: ProvinceError, seconds: float, again: str) -> Step:
    """A step that ended with an error."""
    return Step(name, "failed", False, seconds, failed=str(error), code=error.exit_code, again=again)


def raise_failures(steps: Sequence[Step]) -> None:
    """Raise one ProvinceError for all steps that failed, each with the command to paste; nothing without one.

    The exit code is the worst of all: failed before unreachable, any other before both, when all agree on it.
    """
    failures = [step for step in steps if step.failed]
    if not failures:
        return
    codes = {step.code for step in failures}
    code = codes.pop() if len(codes) == 1 else ExitCode.FAILED
    listed = "\n".join(f"{step.name}: {step.failed}\n  then: {step.again}" for step in failures)
    raise ProvinceError(f"{len(failures)} of {len(steps)} steps failed\n{listed}", exit_code=code)
