"""`province secrets`: sealed for those who may read them, and what is wrong with them."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.calendar import LOCAL
from province.fleet.findings import BadData, nearest
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.secret import Secret, readers
from province.secrets import keeping, plain_text, recipients, sealed
from province.secrets.survey import SOON_DAYS, Survey, survey

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A secret of registers/secrets.yml.", metavar="SECRET")]
Identity = Annotated[
    Path | None,
    typer.Option("--identity", "-i", envvar="PROVINCE_IDENTITY", help="File with your private key of age."),
]


@app.command()
def check(
    environment: Environment = "lab",
    days: Annotated[int, typer.Option(min=0, help="What ends within so many days is due.")] = SOON_DAYS,
    ready: Annotated[bool, typer.Option("--ready", help="Also report what waits for the first recipients.")] = False,
    as_json: Json = False,
) -> None:
    """Name secrets in plain text in the checkout, and sealed ones that are absent, unused, due, or open to others.

    Exit 3 with one line for each.
    """
    fleet = load_fleet(environment)
    found = plain_text.scan(fleet.root.parent)
    try:
        seen = survey(fleet, keeping.look(fleet), _today(), days)
    except BadData as error:
        seen = Survey(error.findings, ())
    found += [*seen.findings, *(seen.waiting if ready else ())]
    if as_json:
        print_json([one.as_dict() for one in sorted(found)])
        raise typer.Exit(int(ExitCode.BAD_DATA if found else ExitCode.OK))
    if found:
        raise BadData(found)
    typer.echo(f"{len(sealed.load(fleet))} secrets sealed for {environment}, none in plain text; no problems")
    if seen.waiting:
        typer.echo(
            f"{len(seen.waiting)} wait for somebody who may read them: province secrets check -e {environment} --ready"
        )


@app.command("list")
def list_(environment: Environment = "lab", as_json: Json = False) -> None:
    """Print every secret: the last day of what is sealed, and who can read it."""
    fleet = load_fleet(environment)
    there = sealed.load(fleet)
    rows = [
        {
            "secret": row.id,
            "until": str(there[row.id].until) if row.id in there else None,
            "readers": list(there[row.id].readers) if row.id in there else [],
            "may": list(readers(fleet.environment, row)),
        }
        for row in fleet.registers.secrets.rows
    ]
    if as_json:
        print_json(rows)
        return
    for one in fleet.registers.secrets.rows:
        found = there.get(one.id)
        state = f"until {found.until}" if found else "not sealed"
        typer.echo(f"{one.id:<32} {state:<18} {', '.join(found.readers) if found else '-'}")


@app.command()
def seal(
    name: Name,
    environment: Environment = "lab",
    source: Annotated[
        Path | None,
        typer.Option("--from", help="File with the value, or with a line KEY=VALUE for each; - is standard input."),
    ] = None,
) -> None:
    """Seal the value of a secret for those who may read it today, from its own file unless told another."""
    fleet = load_fleet(environment)
    row = _row(fleet, name)
    values = keeping.parsed(row, _text(fleet, row, source), str(source or row.file))
    done = keeping.seal(fleet, row, values, datetime.now(UTC))
    typer.echo(f"{_shown(fleet, name)}: sealed for {', '.join(done.readers)}, until {done.until}; commit it")


@app.command("open")
def open_(
    name: Name,
    environment: Environment = "lab",
    identity: Identity = None,
    key: Annotated[str | None, typer.Option(help="One of its values alone.")] = None,
    into: Annotated[Path | None, typer.Option(help="A new file for it, readable by its owner alone.")] = None,
) -> None:
    """Print a secret: its value, or a line KEY=VALUE for each."""
    fleet = load_fleet(environment)
    values = _opened(fleet, name, identity)
    if key is not None and key not in values:
        raise ProvinceError(
            f"{name} has no value {key!r}", hint=f"it has {', '.join(values)}", exit_code=ExitCode.USAGE
        )
    chosen = {key: values[key]} if key else values
    text = "".join(f"{one}={value}\n" for one, value in chosen.items()) if len(chosen) > 1 else "".join(chosen.values())
    if into is None:
        sys.stdout.write(text)
    else:
        recipients.write_private(into, text)


@app.command()
def reseal(
    names: Annotated[list[str] | None, typer.Argument(help="Secrets; all that are sealed without.")] = None,
    environment: Environment = "lab",
    identity: Identity = None,
) -> None:
    """Seal the same values for those who may read them today. Who has read one before still knows it."""
    fleet = load_fleet(environment)
    for name in names or sealed.load(fleet):
        row, before = _row(fleet, name), _sealed(fleet, name)
        done = keeping.seal(fleet, row, _opened(fleet, name, identity), datetime.now(UTC), until=before.until)
        typer.echo(f"{_shown(fleet, name)}: sealed for {', '.join(done.readers)}")
        if gone := sorted(set(before.readers) - set(done.readers)):
            typer.echo(f"  {', '.join(gone)} could read it until now: renew its value, too")


@app.command()
def identity(
    file: Annotated[Path, typer.Argument(help="Where the private key goes; it stays with you.")],
    account: Annotated[str, typer.Option(help="Whose it is: an account of the environment.")],
    environment: Environment = "lab",
) -> None:
    """Make a private key of age, and print the row of its public half for the register of recipients."""
    fleet = load_fleet(environment)
    accounts = [one.name for one in fleet.environment.accounts]
    if account not in accounts:
        hint = f"there are: {', '.join(accounts)}"
        raise ProvinceError(f"{environment} has no account {account!r}", hint=hint, exit_code=ExitCode.USAGE)
    public = recipients.make_identity(file)
    until = _today() + timedelta(days=keeping.IDENTITY_DAYS)
    typer.echo(f"# {recipients.register(fleet)[1]}, then province secrets reseal -e {environment}", err=True)
    typer.echo(f"- {{account: {account}, key: {public}, until: {until}}}")


def _row(fleet: Fleet, name: str) -> Secret:
    row = fleet.registers.secrets.get(name)
    if row is None:
        known = [one.id for one in fleet.registers.secrets.rows]
        guess = nearest(name, known)
        hint = f'did you mean "{guess}"?' if guess else f"there are: {', '.join(known)}"
        raise ProvinceError(f"no secret {name!r} in registers/secrets.yml", hint=hint, exit_code=ExitCode.USAGE)
    return row


def _sealed(fleet: Fleet, name: str) -> sealed.Sealed:
    there = sealed.load(fleet)
    if name not in there:
        raise ProvinceError(
            f"{_shown(fleet, name)}: no such file",
            hint=f"province secrets seal {name} -e {fleet.environment.id}",
            exit_code=ExitCode.NOTHING_SELECTED,
        )
    return there[name]


def _opened(fleet: Fleet, name: str, file: Path | None) -> dict[str, str]:
    there = _sealed(fleet, name)
    path = file or keeping.private(fleet) / keeping.IDENTITY
    return sealed.opened(there, recipients.read_identity(path), _shown(fleet, name))


def _shown(fleet: Fleet, name: str) -> str:
    return f"{sealed.place(fleet)[1]}/{name}.yml"


def _text(fleet: Fleet, row: Secret, source: Path | None) -> str:
    if source is not None and str(source) == "-":
        return sys.stdin.read()
    if source is None and row.file is None:
        raise ProvinceError(
            f"{row.id} has no file of its own", hint="name one: --from FILE, or --from -", exit_code=ExitCode.USAGE
        )
    path = source or keeping.private(fleet) / str(row.file)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProvinceError(f"{path}: {error}", hint="name another: --from FILE", exit_code=ExitCode.USAGE) from None


def _today() -> date:
    return datetime.now(UTC).astimezone(LOCAL).date()
