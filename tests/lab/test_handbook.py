"""Every command of the handbook that only looks, typed in the lab: it ends as documented, never with a traceback."""

from __future__ import annotations

import pytest

from province.errors import ExitCode

from ..handbook import Command, commands
from .conftest import Command as Province

pytestmark = [pytest.mark.lab, pytest.mark.soak]

FOR_EVER = "province runs serve"
LOOKS = {one.line: one for one in commands() if one.words[0] == "province" and not one.changes and one.line != FOR_EVER}
WRONG = {ExitCode.FAILED, ExitCode.USAGE, ExitCode.BAD_DATA, ExitCode.MACHINE}
"""Codes of a command that could not do what it is for; the others say what it found."""
JUDGES = ("province evidence status", "province op ")
"""Commands that end like a failure when they find one: a check of a host, or why an action must not begin."""


@pytest.mark.parametrize("command", LOOKS.values(), ids=lambda one: one.line[:60])
def test_it_says_what_it_found(province: Province, command: Command) -> None:
    done = province(*command.words[1:])
    found = {ExitCode.FAILED} if command.line.startswith(JUDGES) else set()
    assert ExitCode(done.returncode) not in WRONG - found, done.stderr
    assert done.stdout + done.stderr, "it says nothing"
    assert "Traceback" not in done.stderr
