"""Whose keys secrets are sealed for: `inventories/<environment>/trust/recipients.yml`, public, reviewed like any fact.

A recipient is an account of the environment (`environment.yml`); who may read which secret is said there and in
`registers/secrets.yml`, never here. Keys are age's (X25519); the private half stays with its owner.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import pyrage
from pydantic import AfterValidator, TypeAdapter, ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.documents import read_yaml
from province.fleet.fact import Fact, Slug
from province.fleet.findings import BadData, Finding
from province.fleet.fleet import Fleet
from province.manifest.trust import trust_folder

FILE = "recipients.yml"
PRIVATE = "AGE-SECRET-KEY-1"
"""How the private half of a key begins (age's specification, C2SP)."""


def _public(text: str) -> str:
    if text.upper().startswith(PRIVATE):
        raise ValueError("is the private half of a key; take it out of Git's history and make another")
    try:
        pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise ValueError("is no public key of age; it begins with age1 and has 62 characters") from None
    return text


class Recipient(Fact):
    """A public key of an account, used for what is sealed until a day; an account may have several."""

    account: Slug
    key: Annotated[str, AfterValidator(_public)]
    until: dt.date


_ROWS = TypeAdapter(tuple[Recipient, ...])


def register(fleet: Fleet) -> tuple[Path, str]:
    """The file of an environment's recipients, and how messages name it."""
    return trust_folder(fleet) / FILE, f"inventories/{fleet.environment.id}/trust/{FILE}"


def load(fleet: Fleet) -> tuple[Recipient, ...] | None:
    """The recipients of an environment; None before it has any. Raises BadData with every bad row."""
    path, shown = register(fleet)
    if not path.is_file():
        return None
    try:
        rows = _ROWS.validate_python(read_yaml(path, shown))
    except ValidationError as error:
        raise BadData(
            Finding(
                shown,
                ".".join(map(str, item["loc"])),
                _harmless(str(item["input"])),
                item["msg"].removeprefix("Value error, "),
                "province secrets identity FILE prints a row",
            )
            for item in error.errors(include_url=False)
        ) from None
    keys = [row.key for row in rows]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise BadData(Finding(shown, "key", key, "stands twice", "each account has keys of its own") for key in twice)
    return rows


def keys_of(recipients: Iterable[Recipient], accounts: Iterable[str], today: dt.date) -> dict[str, tuple[str, ...]]:
    """The keys of each account that are used on a day; an account without one is left out."""
    rows = [one for one in recipients if one.until >= today]
    found = {name: tuple(sorted(one.key for one in rows if one.account == name)) for name in accounts}
    return {name: keys for name, keys in sorted(found.items()) if keys}


def make_identity(path: Path) -> str:
    """Write a new private key, as age-keygen(1) writes one, readable by its owner alone; return the public half.

    Raises ProvinceError when something is there.
    """
    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    write_private(path, f"# public key: {public}\n{identity}\n")
    return public


def write_private(path: Path, text: str) -> None:
    """Write a new file that its owner alone can read; ProvinceError when something is there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ProvinceError(f"{path}: is there; nothing was changed", hint="name another file") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def read_identity(path: Path) -> pyrage.x25519.Identity:
    """The private key of a file; ProvinceError when there is none, or when others can read it."""
    mend = "province secrets identity FILE makes one; --identity names it"
    try:
        mode = path.stat().st_mode & 0o777
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ProvinceError(f"{path}: no private key of age: {error}", hint=mend, exit_code=ExitCode.USAGE) from None
    if mode & 0o077:
        raise ProvinceError(
            f"{path}: others can read it (mode {mode:o})", hint=f"chmod 600 {path}", exit_code=ExitCode.USAGE
        )
    keys = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    try:
        (key,) = keys
        return pyrage.x25519.Identity.from_str(key)
    except (ValueError, pyrage.IdentityError):
        raise ProvinceError(f"{path}: not one private key of age", hint=mend, exit_code=ExitCode.USAGE) from None


def _harmless(text: str) -> str:
    """A bad value as a message may repeat it: never what looks like a private key."""
    return f"{PRIVATE}…" if PRIVATE in text.upper() else text[:60]
