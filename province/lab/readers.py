"""Who may read the lab's secrets: a key of age for each of its accounts, and what the controller has, sealed for them.

In production everybody makes an own key and keeps it; nobody works in the lab, so its keys lie beside its authority.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import yaml

from province.fleet.calendar import LOCAL
from province.fleet.fleet import Fleet
from province.fleet.secret import readers
from province.secrets import keeping, recipients, sealed

FOLDER = "identities"
"""Below the lab's private folder: one file for each account, as age-keygen(1) writes it."""


def seal_all(fleet: Fleet, now: datetime) -> list[str]:
    """Make the keys that are missing, name their public halves, and seal every file that is not, or not as it is now.

    Returns the secrets that were sealed. The first administrator's key is the one that `province secrets open` takes.
    """
    register = recipients.register(fleet)[0]
    private = keeping.private(fleet)
    known = {one.account for one in recipients.load(fleet) or ()}
    names = [one.name for one in (*fleet.environment.administrators, *fleet.environment.accounts)]
    if not known.issuperset(names) or not all(_file(private, name).exists() for name in names):
        until = now.astimezone(LOCAL).date() + timedelta(days=keeping.IDENTITY_DAYS)
        rows = [
            {"account": name, "key": _public(_file(private, name)), "until": until} for name in dict.fromkeys(names)
        ]
        register.parent.mkdir(parents=True, exist_ok=True)
        register.write_text(f"# Written by `province lab up`.\n{yaml.safe_dump(rows)}", encoding="utf-8")
    own = private / keeping.IDENTITY
    own.unlink(missing_ok=True)
    own.symlink_to(_file(private, names[0]))
    there = sealed.load(fleet)
    found = keeping.look(fleet)
    done = []
    for row in fleet.registers.secrets.rows:
        written = found.files.get(row.file or "")
        before = there.get(row.id)
        keys = recipients.keys_of(found.recipients or (), readers(fleet.environment, row), now.astimezone(LOCAL).date())
        if row.file and written and (before is None or written > before.at or before.readers != keys):
            text = (private / row.file).read_text(encoding="utf-8")
            keeping.seal(fleet, row, keeping.parsed(row, text, row.file), now)
            done.append(row.id)
    return done


def _file(private: Path, account: str) -> Path:
    return private / FOLDER / account


def _public(file: Path) -> str:
    """The public half of an account's key, which is made first if there is none."""
    return str(recipients.read_identity(file).to_public()) if file.exists() else recipients.make_identity(file)
