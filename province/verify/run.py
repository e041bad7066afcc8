"""Verification as a function: what the command and the roll-out call."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from province.errors import ExitCode
from province.verify.checkout import CHECKOUT
from province.verify.evidence import file_name, read_evidence
from province.verify.outcome import Outcome
from province.verify.session import evidence_folder

LEFT_OUT = (
    "cacheprovider", "logging", "unraisableexception", "threadexception", "warnings", "faulthandler", "setuponly",
    "setupplan", "hypothesispytest",
)  # fmt: skip
"""Plugins of pytest that a run over hosts has no use for; a third of its own time is theirs."""

PYTEST_CODES = {
    0: ExitCode.OK,
    1: ExitCode.FAILED,
    4: ExitCode.USAGE,
    5: ExitCode.NOTHING_SELECTED,
    **{10 + int(code): code for code in ExitCode if code not in {ExitCode.OK, ExitCode.FAILED}},
}
"""pytest's codes, and ours as the plugin returns them; anything else is a run that broke."""


@dataclass(frozen=True)
class VerifyResult:
    """What a run amounts to. `evidence` is None when it ended before the first host was asked."""

    counts: Mapping[Outcome, int]
    unreachable: tuple[str, ...]
    evidence: Path | None
    exit_code: ExitCode


def without() -> list[str]:
    """The options that leave them out; checks print nothing that would have to be caught."""
    return ["--capture=no", *(word for name in LEFT_OUT for word in ("-p", f"no:{name}"))]


def verify(
    environment: str,
    select: Sequence[str] = (),
    *,
    enter: Sequence[str] = (),
    arguments: Sequence[str] = (),
    tests: Path | None = None,
    evidence: Path | None = None,
    output: TextIO | None = None,
) -> VerifyResult:
    """Run the host tests of this checkout in a process of their own; `output` gets what it prints, as it comes.

    The process inherits the network namespace of the caller; `enter` are words before the command that take it into
    another one. `select` are words of `select_hosts`, `arguments` go to pytest as they are, `evidence` is a folder.
    """
    run = secrets.token_hex(4)
    path = (evidence or evidence_folder(environment)) / file_name(datetime.now(UTC), run)
    command = [*enter, sys.executable, "-m", "pytest", str(tests or CHECKOUT / "tests" / "host")]
    command += [*without(), "--tb=short", f"--environment={environment}", f"--evidence={path}"]
    command += [f"--select={word}" for word in select]
    done = subprocess.run([*command, *arguments], cwd=CHECKOUT, check=False, stdout=output)
    code = PYTEST_CODES.get(done.returncode, ExitCode.FAILED)
    if not path.exists():
        return VerifyResult({}, (), None, code)
    records = read_evidence(path).records
    lost = {record.host: None for record in records if record.outcome is Outcome.UNREACHABLE}
    return VerifyResult(Counter(record.outcome for record in records), tuple(lost), path, code)
