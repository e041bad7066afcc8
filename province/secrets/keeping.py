"""The hands of secrets: what lies where, and a value sealed for those who may read it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.fleet.calendar import LOCAL
from province.fleet.fleet import Fleet
from province.fleet.secret import Secret, readers
from province.pki.authority import authority_folder
from province.secrets import recipients, sealed
from province.secrets.survey import Found

IDENTITY = "identity"
"""Where one's own private key lies below `.province/<environment>`, unless told another place."""
IDENTITY_DAYS = 730
"""How long a reader's key is used; assumed (source A)."""


def private(fleet: Fleet) -> Path:
    """Where the controller keeps what an environment never commits."""
    return authority_folder(fleet).parent


def look(fleet: Fleet) -> Found:
    """What an environment has of its secrets on this machine. Raises BadData for a file that is none of them."""
    files = {}
    for row in fleet.registers.secrets.rows:
        if row.file and (path := private(fleet) / row.file).is_file():
            files[row.file] = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return Found(recipients.load(fleet), sealed.load(fleet), files)


def parsed(row: Secret, text: str, shown: str) -> dict[str, str]:
    """The values of a secret from text: all of it for a file, else a line, or lines KEY=VALUE for several.

    Raises ProvinceError when they are not those that the secret has; a value is never repeated.
    """
    if row.file:
        values = {row.keys[0]: text}
    elif len(row.keys) == 1:
        values = {row.keys[0]: text.removesuffix("\n")}
    else:
        pairs = [line.partition("=") for line in text.splitlines() if line.strip()]
        values = {key.strip(): value for key, _, value in pairs}
        if len(values) != len(pairs) or set(values) != set(row.keys):
            raise ProvinceError(
                f"{shown}: not the values of {row.id}",
                hint=f"write one line KEY=VALUE for each of {', '.join(row.keys)}",
                exit_code=ExitCode.BAD_DATA,
            )
    if empty := [key for key, value in values.items() if not value.strip()]:
        raise ProvinceError(f"{shown}: {', '.join(empty)} is empty", exit_code=ExitCode.BAD_DATA)
    return values


def seal(
    fleet: Fleet, row: Secret, values: Mapping[str, str], now: datetime, until: date | None = None
) -> sealed.Sealed:
    """Seal a secret for those who may read it now, in its place.

    Raises ProvinceError when nobody who may read it, or not each of them, has a key.
    """
    accounts = readers(fleet.environment, row)
    today = now.astimezone(LOCAL).date()
    keys = recipients.keys_of(recipients.load(fleet) or (), accounts, today)
    if missing := sorted(set(accounts) - set(keys)):
        raise ProvinceError(
            f"{row.id}: {', '.join(missing)} may read it and has no key in {recipients.register(fleet)[1]}",
            hint="province secrets identity FILE makes one and prints its row",
            exit_code=ExitCode.BAD_DATA,
        )
    head = sealed.Head(
        secret=row.id,
        environment=fleet.environment.id,
        at=now,
        until=until or today + timedelta(days=row.days),
        keys=row.keys,
        readers=keys,
    )
    done = sealed.seal(head, values)
    sealed.write(fleet, done)
    return done
