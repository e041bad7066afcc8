"""How the old machine rooms move: each wave's moves and steps, by the book of proofs and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from province.fleet.calendar import LOCAL
from province.fleet.migration import Migration, MigrationWave, Move, Phase
from province.migration.proofs import Backup, Proof, Rehearsal, Step
from province.verify.pages.table import Cell, Page, Table, heading
from province.verify.pages.view import Report


def moves_page(report: Report) -> Page | None:
    """A page over all waves; None for a province that moves no old machine room."""
    migration = report.fleet.migration
    if migration is None:
        return None
    return Page(
        path="moves.html",
        title=report.words["moves_title"],
        lang=report.lang,
        notes=(report.words["moves_note"],),
        tables=tuple(_tables(report, migration)),
    )


def _tables(report: Report, migration: Migration) -> Iterator[Table]:
    words = report.words
    for wave in migration.waves.values():
        if not wave.moves:
            continue
        name = f"{words['wave']} {wave.id}: {wave.name.in_language(report.lang)}"
        yield Table(
            name,
            tuple(
                words[one]
                for one in (
                    "move",
                    "phase",
                    "seconds_without_writes",
                    "rehearsed_seconds",
                    "kept_items",
                    "compared",
                    "by",
                )
            ),
            tuple(_move(report, move) for move in migration.moves_of(wave.id)),
        )
        yield Table(
            f"{words['timeline']}, {name}",
            tuple(words[one] for one in ("time", "move", "phase", "took", "verifier", "by")),
            tuple(_step(one) for one in _of(report.proofs, wave)),
            empty=words["no_step"],
        )


def _of(proofs: Sequence[Proof], wave: MigrationWave) -> list[Step]:
    return [one for one in proofs if isinstance(one, Step) and one.wave == wave.id]


def _move(report: Report, move: Move) -> tuple[Cell, ...]:
    mine = [one for one in report.proofs if one.move == move.id]
    steps = [one for one in mine if isinstance(one, Step)]
    backup = next((one for one in reversed(mine) if isinstance(one, Backup)), None)
    rehearsal = next((one for one in reversed(mine) if isinstance(one, Rehearsal)), None)
    over = next((one for one in reversed(steps) if one.phase is Phase.CUT_OVER), None)
    seconds = without_writes(steps)
    return (
        heading(move.id),
        Cell(steps[-1].phase if steps else report.words["none"], code=bool(steps)),
        Cell("" if seconds is None else f"{seconds:.1f}"),
        Cell(f"{rehearsal.read_only_seconds:.1f}" if rehearsal else ""),
        Cell(f"{backup.items:,}" if backup else ""),
        Cell(f"{over.compared} / {over.items}" if over and over.items is not None else ""),
        Cell(", ".join(over.approved_by) if over else ""),
    )


def without_writes(steps: Sequence[Step]) -> float | None:
    """Seconds from when the old side was told to refuse writes until the new side took them, the newest time.

    None where the book does not have both steps, one after the other.
    """
    for number in range(len(steps) - 1, 0, -1):
        frozen, over = steps[number - 1], steps[number]
        if (frozen.phase, over.phase) == (Phase.FROZEN, Phase.CUT_OVER):
            return (over.time - frozen.began).total_seconds()
    return None


def _step(step: Step) -> tuple[Cell, ...]:
    return (
        heading(_moment(step.time)),
        Cell(step.move),
        Cell(step.phase, code=True),
        Cell(f"{(step.time - step.began).total_seconds():.1f}"),
        Cell(step.who),
        Cell(", ".join(step.approved_by)),
    )


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(LOCAL):%d/%m/%Y %H:%M:%S}"
