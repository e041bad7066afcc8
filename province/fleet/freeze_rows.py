"""Rows of the register of freezes as text: one is added or ends earlier, and whatever else people wrote there stays."""

from __future__ import annotations

import datetime as dt
import json
import re

from province.errors import ExitCode, ProvinceError
from province.fleet.calendar import Freeze

FREEZES = "registers/freezes.yml"
"""The register, in the folder of a province's facts."""


def with_row(text: str, row: Freeze) -> str:
    """The register with one more row at its end, written as its neighbours are."""

    def quoted(value: str) -> str:
        return json.dumps(value, ensure_ascii=False)

    lines = [
        f"  - id: {row.id}",
        f"    name: {{vi: {quoted(row.name.vi)}, en: {quoted(row.name.en)}}}",
        f"    kinds: [{', '.join(row.kinds)}]",
        f"    since: {row.since}",
        f"    until: {row.until}",
        f"    reason: {quoted(row.reason)}",
        f"    owner: {row.owner}",
        f"    source: {row.source}",
        *(["    verified: true"] if row.verified else []),
    ]
    return f"{text.rstrip()}\n" + "\n".join(lines) + "\n"


def lifted(text: str, row: Freeze, today: dt.date) -> str:
    """The register with a freeze that ended yesterday, or without one that had not begun before today.

    Raises ProvinceError for a row that is not written over several lines, as all are that a command wrote.
    """
    begin, end = _place(text, row.id)
    last = today - dt.timedelta(days=1)
    if last < row.since:
        return text[:begin] + text[end:]
    block, changed = re.subn(r"(?m)^(    until:).*$", rf"\1 {last}", text[begin:end])
    if changed != 1:
        raise _by_hand(row.id)
    return text[:begin] + block + text[end:]


def _place(text: str, name: str) -> tuple[int, int]:
    """Where the lines of a row begin and end; comments before the next row are not its own."""
    head = re.search(rf"(?m)^  - id: {re.escape(name)}[ ]*(#.*)?$\n", text)
    if head is None:
        raise _by_hand(name)
    rest = re.search(r"(?m)^(?!    )", text[head.end() :])
    return head.start(), head.end() + (rest.start() if rest else len(text))


def _by_hand(name: str) -> ProvinceError:
    return ProvinceError(
        f"{FREEZES}: the row {name!r} is not written a key a line",
        hint="change its `until` by hand",
        exit_code=ExitCode.BAD_DATA,
    )
