"""Waves in words: one line for each in an overview, one for each step in a plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from province.fleet.calendar import Freeze
from province.fleet.migration import Migration, MigrationWave, Move, Phase
from province.migration.declared import declared
from province.migration.desk import GIB
from province.migration.journal import Line
from province.migration.phases import FORWARD, on_source, on_target
from province.migration.proofs import Backup, Rehearsal
from province.migration.watch import Seen


def overview(
    migration: Migration, newest: Mapping[int, Line], freezes: Sequence[Freeze], now: datetime, lang: str
) -> Iterator[str]:
    """Every wave: its number, name, allowed phase, size in GiB, what it waits for; under it the newest line."""
    for wave in migration.waves.values():
        gib = sum(migration.moves[name].size_gib for name in wave.moves)
        name, moves = wave.name.in_language(lang), f"{len(wave.moves)} moves"
        yield f"{wave.id}  {name:28} {wave.phase:12} {moves:8} {gib:6.0f} GiB  {_waits(migration, wave, freezes, now)}"
        if line := newest.get(wave.id):
            yield f"   {line.time:%d.%m. %H:%M}  {line.move} {line.kind} {line.phase}: {line.said}".rstrip(": ")


def _waits(migration: Migration, wave: MigrationWave, freezes: Sequence[Freeze], now: datetime) -> str:
    if not wave.moves:
        return "moves nothing"
    if wave.phase is Phase.DECLARED:
        waiting = [str(one) for one in wave.after if migration.waves[one].phase is not Phase.RETIRED]
        after = f", after wave {', '.join(waiting)}" if waiting else ""
        return f"waits for an approval: `phase` in migration/waves.yml{after}"
    return wave.closed(now, freezes) or f"province migrate advance {wave.id}"


def steps(migration: Migration, wave: MigrationWave, lang: str) -> Iterator[str]:
    """What a wave moves, in order, and for each what is true on both sides in each phase."""
    yield f"wave {wave.id}  {wave.name.in_language(lang)}  may go as far as {wave.phase}"
    for window in wave.windows:
        yield f"  cut over only {window}"
    for move in migration.moves_of(wave.id):
        goes = f"to {move.system}" if move.system else "to the archive"
        yield f"{move.id}  {move.treatment} by {move.method} {goes}, {move.size_gib:.0f} GiB"
        if trigger := move.trigger:
            by = "" if trigger.compares or trigger.asks else "; nobody measures it by now: people have to look"
            yield f"  goes back over: {trigger.what}, {trigger.over:g} {trigger.unit} for {trigger.minutes} min{by}"
        for phase in FORWARD:
            new, old = on_target(phase, move.method), on_source(phase, move.method)
            sides = f"old {old.writes} writes{'' if old.kept else ', wiped'}; new {new.writes} writes"
            pieces = ", ".join(declared(phase, move.method).pieces)
            here = f"; declared: {pieces}" if pieces else ""
            yield f"  {phase:12} {sides}, changes flow: {new.stream}{'; users are here' if new.serves else ''}{here}"


def measured(move: Move, seen: Seen) -> str:
    """A figure beside the threshold of its trigger."""
    trigger = move.trigger
    if trigger is None:
        return "nothing brings it back by itself"
    unknown = f"nobody could measure it{': ' * bool(seen.why)}{seen.why}"
    figure = unknown if seen.figure is None else f"{seen.figure:g} {trigger.unit}"
    return f"{trigger.what}: {figure}, goes back over {trigger.over:g} for {trigger.minutes} min"


def rehearsed(migration: Migration, proofs: Iterable[Rehearsal]) -> Iterator[str]:
    """How each rehearsal went, beside what the plan says."""
    most = migration.limits.read_only_seconds
    for one in proofs:
        planned = migration.moves[one.move].size_gib
        yield f"{one.move}  {one.items} rows, {one.bytes / GIB:.2f} GiB of {planned:g} planned"
        yield f"  copied in {one.copy_seconds:.1f} s, back in {one.back_seconds:.1f} s"
        yield f"  took no writes for {one.read_only_seconds:.1f} s, at most {most} may be"
        yield f"  {one.compared} chunks compared, {_not_the_same(one.different)}"


def backed_up(proofs: Iterable[Backup]) -> Iterator[str]:
    """What each backup holds, and whether it is an archive."""
    for one in proofs:
        what = "archive" if one.final else "backup"
        yield f"{one.move}  {what} {one.file}, {one.items} rows, SHA-256 {one.sha256}"
        yield f"  {one.compared} chunks compared after it was restored, {_not_the_same(one.different)}"


def _not_the_same(names: Sequence[str]) -> str:
    return f"not the same: {', '.join(names)}" if names else "all the same"
