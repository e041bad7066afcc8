"""Days without changes: a command declares and ends them, and says first what they block; people's words stay."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from province.errors import ExitCode, ProvinceError
from province.fleet.calendar import LOCAL
from province.fleet.freeze_rows import FREEZES, lifted, with_row
from province.fleet.load import load_fleet
from province.rollout.controller import all_runs

from .action_world import Desk, desk_at
from .conftest import Edit
from .freezes import freeze_of

TODAY = dt.datetime.now(dt.UTC).astimezone(LOCAL).date()
SINCE, UNTIL = TODAY + dt.timedelta(days=30), TODAY + dt.timedelta(days=43)
DAYS = ("--since", str(SINCE), "--until", str(UNTIL))
WHAT = ("--kind", "change", "--kind", "cut-over", "--vi", "Bầu cử", "--en", "Election", "--owner", "provincial-office")
DECLARE = ("op", "freeze-change", "election", *DAYS, *WHAT)
LIFT = ("op", "unfreeze-change", "election")
WHY = ("--reason", "polling day", "--go")


@pytest.fixture
def desk(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("PROVINCE_INVENTORIES", str(data))
    return desk_at(tmp_path / "desk", monkeypatch)


def test_it_is_first_only_said_what_the_days_block(desk: Desk, data: Path) -> None:
    before = (data / "fleet" / FREEZES).read_text(encoding="utf-8")
    code, said = desk(*DECLARE)
    assert code == 0
    assert "14 days without change and cut-over" in said
    # Tuesdays and Wednesdays of two weeks.
    assert "long-xuyen: 3 hosts lose 4 windows; the first after it is " in said
    assert "wave 3 (" in said
    assert "nothing was changed" in said
    assert (data / "fleet" / FREEZES).read_text(encoding="utf-8") == before
    assert desk.hosts.asked == []
    assert "14 days" in json.loads(desk(*DECLARE, "--json")[1])["about"][0]


def test_it_is_declared_written_down_and_ended(desk: Desk, data: Path) -> None:
    register = data / "fleet" / FREEZES
    before = register.read_text(encoding="utf-8")
    assert desk(*DECLARE, "--go")[0] == ExitCode.USAGE, "a reason is asked for"
    assert register.read_text(encoding="utf-8") == before
    code, said = desk(*DECLARE, "--verified", *WHY)
    assert (code, "done; nothing to change" in said) == (0, True)
    after = register.read_text(encoding="utf-8")
    assert after.startswith(before), "what people wrote stays"
    (run,) = all_runs(desk.runs)
    assert (run.begun.verb, run.begun.reason, run.begun.arguments["until"]) == (
        "freeze-change",
        "polling day",
        str(UNTIL),
    )
    assert desk(*DECLARE, *WHY)[0] == 0, "the same once more changes nothing"
    assert register.read_text(encoding="utf-8") == after
    other = ("op", "freeze-change", "election", "--since", str(SINCE), "--until", str(SINCE), *WHAT)
    assert "is there already" in desk(*other, *WHY)[1]
    assert f"free again from {SINCE} to {UNTIL} for change and cut-over" in desk(*LIFT)[1]
    assert desk(*LIFT, *WHY)[0] == 0
    assert register.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--until", "2020-01-01"), "`until` is before `since`"),
        (("--owner", "nobody"), "rows.election.owner"),
        (("--source", "Z9"), "'Z9' is no source"),
        (("--source", "hearsay"), "rows.election.source"),
        (("--since", "soon"), "rows.election.since"),
    ],
)
def test_days_that_cannot_be_are_refused(desk: Desk, words: tuple[str, ...], said: str) -> None:
    code, told = desk(*DECLARE, *words, *WHY)
    assert (code, said in told) == (ExitCode.BAD_DATA, True)
    assert not desk.runs.exists()


def test_a_freeze_that_nobody_declared_is_not_ended(desk: Desk) -> None:
    code, said = desk("op", "unfreeze-change", "carnival", *WHY)
    assert (code, "known: year-end-2026, tet-2027" in said) == (ExitCode.NOTHING_SELECTED, True)


def test_one_that_holds_keeps_the_days_it_held_and_its_neighbours_their_words(data: Path, edit: Edit) -> None:
    text = (data / "fleet" / FREEZES).read_text(encoding="utf-8")
    fleet = load_fleet("lab", data)
    for row in fleet.registers.freezes.rows:
        middle = row.since + dt.timedelta(days=3)
        edit(f"fleet/{FREEZES}", text, lifted(text, row, middle))
        changed = (data / "fleet" / FREEZES).read_text(encoding="utf-8")
        assert changed == text.replace(f"until: {row.until}", f"until: {row.since + dt.timedelta(days=2)}")
        gone = lifted(text, row, row.since)
        assert f"id: {row.id}" not in gone
        assert gone.count("  - id:") == text.count("  - id:") - 1
        edit(f"fleet/{FREEZES}", changed, text)


def test_a_row_in_one_line_is_for_people_to_change() -> None:
    row = freeze_of("change", dt.datetime(2026, 12, 1, tzinfo=LOCAL))
    with pytest.raises(ProvinceError, match="change its `until` by hand"):
        lifted("rows:\n  - {id: session, until: 2026-12-01}\n", row, row.since)
    again = lifted(with_row("rows:\n# words\n", row), row, row.since)
    assert again == "rows:\n# words\n"
