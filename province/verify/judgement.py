"""What a failed check amounts to, and as much of its message as a report has room for."""

from __future__ import annotations

import re
from datetime import datetime

from province.verify.outcome import Outcome
from province.verify.waivers import Waiver

MESSAGE_LINES = 12
MESSAGE_CHARACTERS = 1200
ADVICE = re.compile(r"\b[Uu]se '?-vv?'? to ")


def judge(waiver: Waiver | None, message: str, now: datetime) -> tuple[Outcome, str]:
    """What a failed check amounts to: a valid waiver turns it, one that has run out says so."""
    if waiver is None:
        return Outcome.FAIL, message
    if waiver.expired(now.date()):
        return Outcome.FAIL, f"waiver expired on {waiver.expires} (owner: {waiver.owner})\n{message}"
    why = f"{waiver.reason}; instead: {waiver.compensation} (owner: {waiver.owner}, until {waiver.expires})"
    return Outcome.WAIVED, f"{why}\n{message}"


def shortened(message: str) -> str:
    """As much of a message as fits a report; what was cut is said, advice on pytest's options is left out."""
    lines = [line for line in message.strip().splitlines() if not ADVICE.search(line)]
    kept = "\n".join(lines[:MESSAGE_LINES])
    cut = len(lines) > MESSAGE_LINES or len(kept) > MESSAGE_CHARACTERS
    return kept[:MESSAGE_CHARACTERS] + (" …" if cut else "")
