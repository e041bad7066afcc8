"""`province evidence`: what verification saw, whether it is as it was written, and what changed between two runs."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.ops.workplace import Workplace
from province.verify.difference import Difference, compare
from province.verify.evidence import Evidence, read_evidence
from province.verify.history import History
from province.verify.ledger import kept, read_ledger, retire
from province.verify.operators import operators_of
from province.verify.retention import overdue
from province.verify.session import ssh_config
from province.verify.signature import signer_of
from province.verify.standing import exit_code_of, recent, run_files, stand
from province.verify.tampering import inspect

app = typer.Typer(no_args_is_help=True)
RunId = Annotated[str, typer.Argument(help="A run's id, the beginning of its file's name, or `newest`.")]
SHOWN = 40
"""Differences that are printed one by one; `--json` has them all."""


@app.command("verify")
def verify(
    environment: Environment = "lab",
    head: Annotated[str, typer.Option(help="The ledger's hash as it was noted down after an earlier run.")] = "",
    as_json: Json = False,
) -> None:
    """Look at every byte of the evidence: exit 3 when something was changed, removed, or is not signed by ours."""
    fleet = load_fleet(environment)
    folder = _folder(fleet)
    seen = inspect(folder, operators_of(fleet), head)
    if as_json:
        print_json(
            {
                "runs": seen.runs,
                "retired": seen.retired,
                "lines": seen.lines,
                "ledger": seen.head,
                "cut_short": seen.cut_short,
                "problems": [vars(problem) for problem in seen.problems],
            }
        )
    else:
        for name in seen.cut_short:
            typer.echo(f"{folder / name}: the run never came to its end; it is no proof of anything")
        for problem in seen.problems:
            typer.echo(f"{folder}/{problem}")
        good = "as written and signed" if not seen.problems else f"{len(seen.problems)} problems"
        typer.echo(f"{seen.runs} runs, {seen.lines} lines, {seen.retired} let go: {good}")
        typer.echo(f"ledger {seen.head}  (note it down elsewhere; later: --head)")
    if seen.problems:
        raise typer.Exit(int(ExitCode.BAD_DATA))
    if not seen.runs:
        raise typer.Exit(int(ExitCode.NOTHING_SELECTED))


@app.command("status")
def status(environment: Environment = "lab", as_json: Json = False) -> None:
    """Say how every host stands by the newest evidence; evidence that is too old is no success."""
    fleet = load_fleet(environment)
    now = datetime.now(UTC)
    standings = stand(fleet, recent(_folder(fleet), fleet.hosts), now)
    counts = Counter(one.state for one in standings.values())
    code = exit_code_of(standings)
    if as_json:
        hosts = {name: {"state": one.state, "seen": one.seen} for name, one in standings.items()}
        print_json({"counts": counts, "hosts": hosts, "exit_code": int(code)})
    else:
        for name, one in standings.items():
            typer.echo(
                f"{name:<32} {one.state:<12} {one.seen:%Y-%m-%d %H:%M}" if one.seen else f"{name:<32} {one.state}"
            )
        typer.echo(", ".join(f"{count} {state}" for state, count in counts.items()))
    if code:
        raise typer.Exit(int(code))


@app.command("diff")
def diff(
    before: RunId,
    after: RunId = "newest",
    environment: Environment = "lab",
    values: Annotated[bool, typer.Option("--values", help="Also values that moved within a verdict.")] = False,
    as_json: Json = False,
) -> None:
    """Say what differs between two runs; exit 5 when something got worse."""
    folder = _folder(load_fleet(environment))
    found = compare(_run(folder, before), _run(folder, after))
    shown = [one for one in found if values or one.change != "value"]
    counts = Counter(one.change for one in found)
    if as_json:
        print_json({"counts": counts, "differences": [_body(one) for one in shown]})
    else:
        for one in shown[:SHOWN]:
            typer.echo(_line(one))
        if len(shown) > SHOWN:
            typer.echo(f"... and {len(shown) - SHOWN} more: --json")
        typer.echo(", ".join(f"{count} {change}" for change, count in counts.items()) or "no difference")
    if counts["worse"]:
        raise typer.Exit(int(ExitCode.DRIFT))


@app.command("history")
def history(
    environment: Environment = "lab",
    host: Annotated[str | None, typer.Option(help="A host's name.")] = None,
    control: Annotated[int | None, typer.Option(help="A control's number.")] = None,
    test: Annotated[str | None, typer.Option(help="A check, as the evidence names it: ssh::test_x.")] = None,
    as_json: Json = False,
) -> None:
    """Say when verdicts changed: of a host, a control, a check, or all of them together."""
    table = _table(load_fleet(environment))
    turns = table.turns(host=host, test=test, control=control)
    if as_json:
        print_json([vars(turn) for turn in turns])
        return
    for turn in turns:
        typer.echo(f"{turn.time:%Y-%m-%d %H:%M}  {turn.outcome:<12} {turn.host:<28} {turn.test}  {turn.seen[:60]}")


@app.command("trend")
def trend(
    environment: Environment = "lab",
    control: Annotated[int | None, typer.Option(help="A control's number; all by default.")] = None,
    as_json: Json = False,
) -> None:
    """Say for each day how many checks ended how."""
    days: dict[str, dict[str, int]] = {}
    for day, outcome, count in _table(load_fleet(environment)).by_day(control=control):
        days.setdefault(f"{day:%Y-%m-%d}", {})[outcome] = count
    if as_json:
        print_json(days)
        return
    for shown, counts in days.items():
        typer.echo(f"{shown}  " + ", ".join(f"{count} {outcome}" for outcome, count in counts.items()))


@app.command("retire")
def let_go(
    environment: Environment = "lab",
    reason: Annotated[str, typer.Option(help="Why; with it, the runs are deleted. Without, they are only named.")] = "",
    as_json: Json = False,
) -> None:
    """Let go of runs whose class of retention is over; the ledger keeps that they were there."""
    fleet = load_fleet(environment)
    folder, now = _folder(fleet), datetime.now(UTC)
    due = overdue(kept(read_ledger(folder)), fleet.province.evidence.retention, now)
    if reason:
        signer = signer_of(ssh_config(fleet))
        for run in due:
            retire(folder, run, reason, signer, now)
    if as_json:
        print_json({"runs": [run.file for run in due], "deleted": bool(reason)})
        return
    for run in due:
        typer.echo(f"{run.file}  {run.retention}")
    typer.echo(f"{len(due)} runs {'let go' if reason else 'are over; --reason lets them go'}")


def _folder(fleet: Fleet) -> Path:
    folder = Workplace.of(fleet).private / "evidence"
    if not run_files(folder):
        raise ProvinceError(
            f"{folder}: no evidence of environment {fleet.environment.id!r}",
            hint="`province verify` makes some",
            exit_code=ExitCode.NOTHING_SELECTED,
        )
    return folder


def _table(fleet: Fleet) -> History:
    """The table over the sealed runs, with what it lacked copied."""
    folder = _folder(fleet)
    table = History(folder, kept(read_ledger(folder)))
    table.refresh()
    return table


def _run(folder: Path, word: str) -> Evidence:
    files = run_files(folder)
    named = (
        files[-1:]
        if word == "newest"
        else [one for one in files if one.name.startswith(word) or f"-{word}" in one.stem]
    )
    named = named or [one for one in files if read_evidence(one).run.run == word]
    if len(named) != 1:
        raise ProvinceError(
            f"{word!r} means {len(named)} runs",
            hint="runs: " + ", ".join(one.stem for one in files[-10:]),
            exit_code=ExitCode.USAGE,
        )
    return read_evidence(named[0])


def _line(one: Difference) -> str:
    before = one.before.outcome if one.before else "-"
    after = one.after.outcome if one.after else "-"
    moved = f"  {one.before.seen!r} -> {one.after.seen!r}" if one.before and one.after and one.change == "value" else ""
    return f"{one.change:<6} {one.host:<28} {one.test}  {before} -> {after}{moved}"


def _body(one: Difference) -> dict[str, object]:
    sides = {"before": one.before, "after": one.after}
    said = {name: record and record.model_dump(mode="json") for name, record in sides.items()}
    return {"change": one.change, "host": one.host, "test": one.test, **said}
