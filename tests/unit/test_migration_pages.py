"""What is written about a move for people: the runbook of each wave, and its page in the report, by the book alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from province.fleet.fleet import Fleet
from province.fleet.migration import Phase
from province.migration.proofs import Backup, Book, Proof, Step
from province.migration.runbook import texts
from province.verify.pages.moves import moves_page, without_writes
from province.verify.pages.table import Page
from province.verify.pages.view import Language, Report

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
START = datetime(2026, 11, 28, 14, 0, tzinfo=UTC)
MOVE = "e-office-an-giang"


def step(phase: Phase, begun: float, over: float, **changes: object) -> Step:
    moments = {"began": START + timedelta(seconds=begun), "time": START + timedelta(seconds=over)}
    body = {"wave": 3, "move": MOVE, "who": "lan@bastion", "phase": phase, "approved_by": ("lan", "minh")}
    return Step.model_validate(body | moments | changes)


STEPS = (step(Phase.FROZEN, 0, 1), step(Phase.CUT_OVER, 2, 4.5, compared=6, items=6))
BACKUP = Backup(
    time=START, wave=3, move=MOVE, who="lan", file="copy", sha256="a" * 64, bytes=1, items=23_797, compared=6,
    different=(), dump_seconds=1, restore_seconds=1, final=False,
)  # fmt: skip


def page(fleet: Fleet, *proofs: Proof, lang: Language = "en") -> Page:
    made = moves_page(Report(fleet, [], lang, START, proofs=proofs))
    assert made
    return made


def test_every_runbook_is_what_the_model_says(fleet: Fleet) -> None:
    assert fleet.migration
    told = texts(fleet.migration)
    assert set(told) == {path.name for path in RUNBOOKS.glob("migrate-*.md")}
    for name, text in told.items():
        assert (RUNBOOKS / name).read_text(encoding="utf-8") == text, "province migrate runbooks --write"


def test_a_runbook_names_every_gate_and_every_way_back(fleet: Fleet) -> None:
    assert fleet.migration
    text = texts(fleet.migration)["migrate-wave-3.md"]
    assert "| cut-over | source frozen, drained, schema, contents | old refuses writes, new takes |" in text
    assert "| backup | `province migrate backup 3` |" in text
    assert "- queue-drain: at any moment before `retired`" in text
    assert "| lost or duplicated documents: 0 documents, 0 min |" in text


def test_the_page_tells_what_the_book_holds(fleet: Fleet) -> None:
    made = page(fleet, *STEPS, BACKUP)
    moves, timeline = (one for one in made.tables if "Wave 3" in one.caption)
    (row,) = [row for row in moves.rows if row[0].text == MOVE]
    assert [cell.text for cell in row] == [MOVE, "cut-over", "4.5", "", "23,797", "6 / 6", "lan, minh"]
    assert [cell.text for cell in timeline.rows[1]] == [
        "28/11/2026 21:00:04", MOVE, "cut-over", "2.5", "lan@bastion", "lan, minh",
    ]  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "vi"])
def test_without_a_book_the_page_claims_nothing(fleet: Fleet, lang: Language) -> None:
    made = page(fleet, lang=lang)
    assert [cell.text for cell in made.tables[0].rows[0][2:]] == [""] * 5
    assert (made.tables[1].rows, bool(made.tables[1].empty)) == ((), True)


def test_seconds_without_writes_are_of_one_freeze_and_its_own_cut_over() -> None:
    assert without_writes(STEPS) == 4.5
    back = step(Phase.ROLLED_BACK, 5, 6)
    assert without_writes((step(Phase.FROZEN, 0, 1), back, step(Phase.CUT_OVER, 9, 10))) is None
    assert without_writes((*STEPS, back, step(Phase.FROZEN, 100, 101), step(Phase.CUT_OVER, 102, 103))) == 3


def test_a_step_is_read_again_from_the_book(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.add(STEPS[1])
    assert book.read() == [STEPS[1]]
