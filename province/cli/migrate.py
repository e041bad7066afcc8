"""`province migrate`: the old machine rooms move, wave by wave."""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated

import typer

from province.cli.options import Environment, Json, Language, print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.calendar import LOCAL, Freeze
from province.fleet.fact import dump
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.migration import Migration, MigrationWave, Phase
from province.manifest.capability import CHECKOUT
from province.migration.book import book_of, folder_of
from province.migration.conduct import Order, Outcome, roll_back
from province.migration.conduct import advance as advance_wave
from province.migration.declared import declared
from province.migration.desk import Desk
from province.migration.gates import NEXT
from province.migration.hands import hands_of
from province.migration.journal import Journal, alone
from province.migration.phases import following, on_source, on_target
from province.migration.proofs import Backup, Rehearsal
from province.migration.runbook import texts
from province.migration.telling import backed_up, measured, overview, rehearsed, steps
from province.migration.watch import Watch
from province.migration.watchers import figure

app = typer.Typer(no_args_is_help=True)
WaveNumber = Annotated[int, typer.Argument(help="The wave's number.")]
Approved = Annotated[list[str] | None, typer.Option("--approved-by", help="Who approved it; once for each person.")]


@app.command("plan")
def plan(wave: WaveNumber, environment: Environment = "lab", as_json: Json = False, lang: Language = "en") -> None:
    """Show what a wave moves, in order, and what each phase makes true on both sides."""
    migration, chosen = _wave(load_fleet(environment), wave)
    moves = migration.moves_of(wave)
    if as_json:
        phases = {
            move.id: {
                one: {
                    "target": vars(on_target(one, move.method)),
                    "source": vars(on_source(one, move.method)),
                    "declared": declared(one, move.method).pieces,
                }
                for one in Phase
            }
            for move in moves
        }
        print_json({"wave": dump(chosen), "moves": [dump(move) for move in moves], "phases": phases})
        return
    typer.echo("\n".join(steps(migration, chosen, lang)))


@app.command("status")
def status(environment: Environment = "lab", as_json: Json = False, lang: Language = "en") -> None:
    """Show every wave in a line: how far people let it go, what it moves, what it waits for, the newest line."""
    fleet = load_fleet(environment)
    migration = _migration(fleet)
    newest = {
        wave: lines[-1]
        for wave in migration.waves
        if (lines := Journal(folder_of(fleet) / f"wave-{wave}.jsonl").read())
    }
    if as_json:
        waves = [dump(one) | {"newest": newest.get(one.id)} for one in migration.waves.values()]
        print_json(waves)
        return
    typer.echo("\n".join(overview(migration, newest, _freezes(fleet), datetime.now(LOCAL), lang)))


@app.command("advance")
def advance(
    wave: WaveNumber, environment: Environment = "lab", approved_by: Approved = None, as_json: Json = False
) -> None:
    """Bring a wave to its next phase, if every gate is open; exit 1 and the gates that are shut else."""
    fleet = load_fleet(environment)
    migration, chosen = _wave(fleet, wave)
    order = _order(fleet, migration, chosen)
    hands = hands_of(fleet.environment, chosen, migration.moves, _desk(fleet, order, tuple(approved_by or ())))
    with alone(folder_of(fleet), wave) as journal:
        slowest = min((hands.phase(move) for move in order.moves), key=list(Phase).index)
        wanted = following(slowest)
        if wanted is None:
            raise ProvinceError(
                f"wave {wave} is {slowest}", hint="nothing follows", exit_code=ExitCode.NOTHING_SELECTED
            )
        _tell(advance_wave(order, wanted, journal, hands), wave, as_json)


@app.command("rehearse")
def rehearse(wave: WaveNumber, environment: Environment = "lab", as_json: Json = False) -> None:
    """Carry each move of a wave out on copies beside both sides, there and back; the book of proofs keeps how it went.

    Writers of the real side go on. Exit 1 when something was not the same afterwards.
    """
    fleet = load_fleet(environment)
    migration, chosen = _wave(fleet, wave)
    order = _order(fleet, migration, chosen)
    hands = hands_of(fleet.environment, chosen, migration.moves, _desk(fleet, order))
    with alone(folder_of(fleet), wave):
        proofs = [hands.by_move[move.id].rehearse(move) for move in order.moves]
    if as_json:
        print_json([dump(proof) for proof in proofs])
    else:
        typer.echo("\n".join(rehearsed(migration, proofs)))
    _fail_on(proofs)


@app.command("backup")
def backup(wave: WaveNumber, environment: Environment = "lab", as_json: Json = False) -> None:
    """Copy the old side of each move, restore the copy, compare, and keep it; of a frozen side it is the archive.

    Exit 1 when the restored copy was not the same.
    """
    fleet = load_fleet(environment)
    migration, chosen = _wave(fleet, wave)
    order = _order(fleet, migration, chosen)
    hands = hands_of(fleet.environment, chosen, migration.moves, _desk(fleet, order))
    with alone(folder_of(fleet), wave):
        proofs = [hands.by_move[move.id].backup(move) for move in order.moves]
    if as_json:
        print_json([dump(proof) for proof in proofs])
    else:
        typer.echo("\n".join(backed_up(proofs)))
    _fail_on(proofs)


@app.command("rollback")
def rollback(wave: WaveNumber, environment: Environment = "lab", as_json: Json = False) -> None:
    """Bring every move of a wave back to the old side, with what the new side took since."""
    fleet = load_fleet(environment)
    migration, chosen = _wave(fleet, wave)
    order = _order(fleet, migration, chosen)
    hands = hands_of(fleet.environment, chosen, migration.moves, _desk(fleet, order))
    with alone(folder_of(fleet), wave) as journal:
        _tell(roll_back(order, journal, hands), wave, as_json)


@app.command("watch")
def watch(
    wave: WaveNumber,
    environment: Environment = "lab",
    minutes: Annotated[float, typer.Option(min=0, help="How long to go on looking.")] = 60,
    every: Annotated[float, typer.Option(min=1, help="Seconds from one look to the next.")] = 15,
) -> None:
    """Look at what brings each move of a wave back, while users write on the new side; when it fires, bring it back.

    Exit 1 when it went back, 8 when the last look found a figure that nobody could measure.
    """
    fleet = load_fleet(environment)
    migration, chosen = _wave(fleet, wave)
    order = _order(fleet, migration, chosen)
    hands = hands_of(fleet.environment, chosen, migration.moves, _desk(fleet, order))
    watching = Watch(order, hands.phase, partial(figure, hands, fleet.environment.watchers))
    end = time.monotonic() + 60 * minutes
    while True:
        looked = list(watching.look())
        if not looked:
            raise ProvinceError(
                f"no move of wave {wave} that has a trigger takes users' writes on the new side",
                hint="province migrate status",
                exit_code=ExitCode.NOTHING_SELECTED,
            )
        for move, seen in looked:
            typer.echo(f"{seen.moment:%H:%M:%S}  {move.id:32} {measured(move, seen)}")
        if why := watching.why():
            typer.echo(f"goes back: {why}")
            with alone(folder_of(fleet), wave) as journal:
                _tell(roll_back(order, journal, hands, why), wave, as_json=False)
            raise typer.Exit(int(ExitCode.FAILED))
        if time.monotonic() + every > end:
            break
        time.sleep(every)
    if any(seen.figure is None for _, seen in looked):
        raise typer.Exit(int(ExitCode.UNKNOWN))


@app.command("runbooks")
def runbooks(
    write: Annotated[bool, typer.Option("--write", help="Write docs/runbooks/migrate-wave-*.md.")] = False,
) -> None:
    """Print the runbook of every wave that moves something, out of the model, or write them all down."""
    folder = CHECKOUT / "docs" / "runbooks"
    for name, told in texts(_migration(load_fleet("production"))).items():
        if write:
            (folder / name).write_text(told, encoding="utf-8")
        typer.echo(f"docs/runbooks/{name}" if write else told)


def _fail_on(proofs: Sequence[Rehearsal | Backup]) -> None:
    if any(proof.different for proof in proofs):
        raise typer.Exit(int(ExitCode.FAILED))


def _tell(outcome: Outcome, wave: int, as_json: bool) -> None:
    if as_json:
        print_json({"phases": outcome.phases, "waits": outcome.waits, "shut": [vars(one) for one in outcome.shut]})
    else:
        for name, phase in outcome.phases.items():
            typer.echo(f"{name:32} {phase}")
        for one in outcome.shut:
            typer.echo(f"  {outcome.waits} waits: {one.gate} {one.verdict}: {one.said}")
            if command := NEXT.get(one.gate):
                typer.echo(f"    {command.format(wave=wave)}")
    if outcome.waits:
        raise typer.Exit(int(ExitCode.FAILED))


def _order(fleet: Fleet, migration: Migration, wave: MigrationWave) -> Order:
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    moves = migration.moves_of(wave.id)
    return Order(wave, moves, migration.limits, who, lambda: datetime.now(LOCAL), _freezes(fleet))


def _desk(fleet: Fleet, order: Order, approved_by: tuple[str, ...] = ()) -> Desk:
    """Where proofs and copies of a wave lie."""
    return Desk(book_of(fleet), folder_of(fleet) / "copies", order.wave.id, order.who, order.now, approved_by)


def _freezes(fleet: Fleet) -> tuple[Freeze, ...]:
    """The days on which nothing is moved; none where the environment keeps no calendar."""
    return tuple(fleet.registers.freezes.rows) if fleet.environment.keeps_calendar else ()


def _migration(fleet: Fleet) -> Migration:
    if fleet.migration is None:
        raise ProvinceError("this province moves no old machine room", exit_code=ExitCode.NOTHING_SELECTED)
    return fleet.migration


def _wave(fleet: Fleet, wave: int) -> tuple[Migration, MigrationWave]:
    migration = _migration(fleet)
    if wave not in migration.waves:
        known = ", ".join(map(str, migration.waves))
        raise ProvinceError(f"no wave {wave}", hint=f"known: {known}", exit_code=ExitCode.USAGE)
    return migration, migration.waves[wave]
