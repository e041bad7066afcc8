"""What pytest's own report says of a verification run: its hosts, its outcomes, its evidence."""

from __future__ import annotations

from typing import Any

import pytest

from province.verify.outcome import SHOWN, Outcome
from province.verify.selection import by_class
from province.verify.session import NOT_SEALED, VERIFICATION


def pytest_report_header(config: pytest.Config) -> str:
    """Say what the run is about."""
    run = config.stash[VERIFICATION]
    classes = ", ".join(f"{count} {name}" for name, count in by_class(run.hosts).items())
    return f"environment: {run.fleet.environment.id}, {len(run.hosts)} hosts ({classes})"


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Unreachable and waived have letters and words of their own."""
    said = dict(getattr(report, "user_properties", ())).get("outcome")
    if said is None or not report.skipped or Outcome(said) not in SHOWN:
        return None
    letter, word = SHOWN[Outcome(said)]
    return said, letter, word


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The counts, the hosts that did not answer with the command to try them again, and the evidence."""
    run = config.stash.get(VERIFICATION, None)
    if run is None or config.option.collectonly:
        return
    terminalreporter.section("verification")
    if not run.counts:
        terminalreporter.line(f"no test applies to the {len(run.hosts)} selected hosts: nothing was verified")
        return
    counts = ", ".join(f"{run.counts[one]} {one}" for one in Outcome if run.counts[one])
    terminalreporter.line(f"{sum(run.counts.values())} checks: {counts}")
    for name, why in run.unreachable.items():
        terminalreporter.line(f"unreachable  {name}: {why}")
    if run.unreachable:
        again = ",".join(run.unreachable)
        command = f"pytest tests/host --environment {run.fleet.environment.id} --select {again}"
        terminalreporter.line(f"try again    {command}")
    if run.way.answers is not None:
        terminalreporter.line(f"transport    {run.way.answers.summary}")
    terminalreporter.line(f"evidence     {run.evidence}")
    if run.sealed:
        signer = run.sealed.entry.signer or "nobody: the ssh configuration names no certificate"
        terminalreporter.line(f"signed by    {signer}")
        terminalreporter.line(f"ledger       {run.sealed.chain}")
    elif why := config.stash.get(NOT_SEALED, ""):
        terminalreporter.line(f"not sealed   {why}")
