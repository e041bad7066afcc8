"""The runbook of a wave, out of the model and of the gates themselves: `docs/runbooks/migrate-wave-<number>.md`."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Iterator

from province.fleet.calendar import LOCAL
from province.fleet.migration import Method, Migration, MigrationWave, Move, Phase
from province.migration.declared import declared
from province.migration.gates import NEXT, Measured, Question, judge
from province.migration.hands import KEYS
from province.migration.phases import FLOWS_BACK, FORWARD, on_source, on_target

WIDTH = 120
_NOBODY = dt.datetime(2000, 1, 1, tzinfo=LOCAL)
"""A moment for gates of which only the names are wanted."""


def texts(migration: Migration) -> dict[str, str]:
    """The runbook of each wave that moves something, by the name of its file."""
    return {
        f"migrate-wave-{wave.id}.md": "\n\n".join(_blocks(migration, wave)) + "\n"
        for wave in migration.waves.values()
        if wave.moves
    }


def _blocks(migration: Migration, wave: MigrationWave) -> Iterator[str]:
    moves, limits = migration.moves_of(wave.id), migration.limits
    after = ", ".join(map(str, wave.after))
    yield (
        f"# Wave {wave.id}: {wave.name.en} ({wave.name.vi})\n"
        "<!-- written by `province migrate runbooks --write` from inventories/fleet/migration -->"
    )
    windows = "; ".join(map(str, wave.windows))
    yield _wrapped(
        f"After wave {after}. It is cut over only {windows}, on no day of freeze, and only when a rehearsal of the "
        f"last {limits.rehearsal_days} days took no writes for at most {limits.read_only_seconds} s. "
        f"{limits.approvers} people approve. It soaks for {limits.soak_days} days."
    )
    yield "| move | from | to | by | GiB | goes back over |\n|---|---|---|---|---|---|\n" + "\n".join(
        f"| {one.id} | {one.host} | {one.system or 'archive'} | {one.method} | {one.size_gib:g} | {_trigger(one)} |"
        for one in moves
    )
    by_hand = sorted({str(one.method) for one in moves if one.method not in KEYS})
    if by_hand:
        yield _wrapped(f"**Not carried out by the commands by now**: {', '.join(by_hand)}. The wave waits for it.")
    yield "## There"
    approved = " --approved-by NAME" * limits.approvers
    commands = (f"plan {wave.id}", "status", f"advance {wave.id}{approved}")
    yield "\n".join(["```", *(f"province migrate {one}" for one in commands), "```"])
    yield _wrapped(
        "One call of `advance` brings all moves one phase on, each after what it needs. It may be killed at any moment "
        "and called again. A wave goes as far as `phase` in migration/waves.yml says; a reviewed change of it is the "
        "leave."
    )
    yield _wrapped(
        "The stack `migration` declares what the clusters need for a phase. On the way there it goes first: the change "
        "of `phase` is merged, `province dc up SITE migration` opens the way, then `advance`. What shuts a way comes "
        "last: after `advance` to `retired`, and after a way back, when `phase` says so."
    )
    yield "| phase | opens when | then holds | declared beside the record |\n|---|---|---|---|\n" + "\n".join(
        _steps(migration, wave, moves)
    )
    yield "## When a gate is shut\n\n" + "\n".join(_mends(migration, wave, moves))
    yield "## Back"
    yield f"```\nprovince migrate rollback {wave.id}\nprovince migrate watch {wave.id}\n```"
    yield "\n".join(_wrapped(f"- {method}: {_back(method)}") for method in dict.fromkeys(one.method for one in moves))
    yield _wrapped(
        "`watch` looks at what the last column of the moves names, from the cut-over on, and brings the whole wave "
        "back when it is over. What nobody measures, people have to look at. After `retired` nothing leads back: the "
        "archive is what is left."
    )


def _trigger(move: Move) -> str:
    trigger = move.trigger
    if trigger is None:
        return "nothing"
    by = "" if trigger.compares or trigger.asks else " (people look)"
    return f"{trigger.what}: {trigger.over:g} {trigger.unit}, {trigger.minutes} min{by}"


def _gates(migration: Migration, wave: MigrationWave, moves: tuple[Move, ...], phase: Phase) -> list[str]:
    """The names of all gates before a phase, in their order."""
    asked = (Question(wave, move, migration.limits, Measured(names_waiting=()), _NOBODY) for move in moves)
    return list(dict.fromkeys(one.gate for question in asked for one in judge(phase, question)))


def _steps(migration: Migration, wave: MigrationWave, moves: tuple[Move, ...]) -> Iterator[str]:
    for phase in FORWARD[1:]:
        gates = ", ".join(_gates(migration, wave, moves, phase)) or "at once"
        sides = ((on_source(phase, one.method), on_target(phase, one.method)) for one in moves)
        holds = {f"old {old.writes} writes{'' if old.kept else ', wiped'}, new {new.writes}" for old, new in sides}
        pieces = sorted({piece for one in moves for piece in declared(phase, one.method).pieces})
        yield f"| {phase} | {gates} | {'; '.join(sorted(holds))} | {', '.join(pieces) or 'nothing'} |"


def _mends(migration: Migration, wave: MigrationWave, moves: tuple[Move, ...]) -> Iterator[str]:
    named = dict.fromkeys(gate for phase in FORWARD[1:] for gate in _gates(migration, wave, moves, phase))
    yield "| gate | run |\n|---|---|"
    for gate in named:
        if command := NEXT.get(gate):
            yield f"| {gate} | `{command.format(wave=wave.id)}` |"
    others = ", ".join(gate for gate in named if gate not in NEXT)
    if others:
        yield f"\nThe others ({others}) open by themselves, or when somebody mended what they name."


def _back(method: Method) -> str:
    if method in FLOWS_BACK:
        return "at any moment before `retired`, with all that the new side took since."
    if method is Method.REBUILD:
        return "at any moment before `retired`; it holds no data."
    return "until the first write on the new side; after that refused, so that none is lost."


def _wrapped(text: str) -> str:
    wrap = textwrap.TextWrapper(WIDTH, break_long_words=False, break_on_hyphens=False)
    return wrap.fill(text)
