"""What is wrong with the secrets of an environment: absent, unused, over, or open to others than the model says. Pure.

Nothing is opened for it: what a sealed file says of itself is compared with the model, with the register of recipients
and with the head of age's message, which shows for how many keys it is and not for whose.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from province.fleet.findings import Finding
from province.fleet.fleet import Fleet
from province.fleet.secret import Secret, readers, references
from province.secrets.recipients import Recipient, keys_of, register
from province.secrets.sealed import Sealed, place

SOON_DAYS = 30
"""Before its last day, a secret or a key of a reader is due: two weekly routines, and time to bring it to hosts."""


@dataclass(frozen=True)
class Found:
    """What an environment has, as it lies there. `files`: when each file that a secret names was written last.

    `recipients` is None where nobody has brought a key yet: then secrets wait, and nothing is wrong with that.
    """

    recipients: tuple[Recipient, ...] | None
    sealed: Mapping[str, Sealed]
    files: Mapping[str, dt.datetime]


@dataclass(frozen=True)
class Survey:
    """Findings, and secrets that wait for the first recipients of an environment."""

    findings: tuple[Finding, ...]
    waiting: tuple[Finding, ...]


def survey(fleet: Fleet, found: Found, today: dt.date, soon: int = SOON_DAYS) -> Survey:
    """Everything that is wrong on a day, sorted; what ends within `soon` days is so."""
    rows = {row.id: row for row in fleet.registers.secrets.rows}
    file = fleet.origins["registers/secrets"]
    named = {str(one.secret): one for one in references(fleet.declarations)}
    unused = [row for row in rows.values() if row.file is None and row.id not in named]
    findings = [
        Finding(
            file, f"rows.{row.id}", "", "nothing refers to this secret", "remove the row, or name it where it is used"
        )
        for row in unused
    ]
    used = [row for row in rows.values() if row.id in named or (row.file and row.file in found.files)]
    absent = [_absent(fleet, row) for row in used if row.id not in found.sealed]
    for name, sealed in found.sealed.items():
        where = f"{place(fleet)[1]}/{name}.yml"
        row = rows.get(name)
        if row is None:
            mend = f"remove the file, or add a row to {file}"
            findings.append(Finding(where, "", "", "unused: no such secret is declared", mend))
            continue
        findings += _of_file(fleet, row, sealed, where)
        findings += _due(where, "until", sealed.until, today, soon, f"province secrets seal {name}, with a new value")
        findings += _readers(fleet, row, sealed, found.recipients or (), where, today)
        if row.file and (written := found.files.get(row.file)) and written > sealed.at:
            problem = f"{row.file} was written after it was sealed"
            findings.append(
                Finding(where, "at", f"{sealed.at:%Y-%m-%d %H:%M}", problem, f"province secrets seal {name}")
            )
    if found.recipients is None:
        return Survey(tuple(sorted(findings)), tuple(sorted(absent)))
    findings += [*absent, *_recipients(fleet, used, found.recipients, today, soon)]
    return Survey(tuple(sorted(findings)), ())


def _absent(fleet: Fleet, row: Secret) -> Finding:
    where = f"{place(fleet)[1]}/{row.id}.yml"
    problem = f"{row.file} lies only on this controller" if row.file else "the model refers to it, and it is not here"
    return Finding(where, "", "", problem, f"province secrets seal {row.id} -e {fleet.environment.id}")


def _of_file(fleet: Fleet, row: Secret, sealed: Sealed, where: str) -> Iterator[Finding]:
    for key, value, wanted in (
        ("secret", sealed.secret, row.id),
        ("environment", sealed.environment, fleet.environment.id),
        ("keys", ", ".join(sorted(sealed.keys)), ", ".join(sorted(row.keys))),
    ):
        if value != wanted:
            mend = f"province secrets seal {row.id} -e {fleet.environment.id}"
            yield Finding(where, key, value, f"is sealed for something else than {wanted}", mend)
    said = sum(len(keys) for keys in sealed.readers.values())
    if sealed.stanzas is None:
        yield Finding(where, "age", "", "is no message of age", "take the file back from Git, or seal it anew")
    elif sealed.stanzas != said:
        problem = f"the message is for {sealed.stanzas} keys, and `readers` names {said}"
        yield Finding(where, "readers", "", problem, f"somebody else may read it: seal {row.id} anew, with a new value")


def _readers(
    fleet: Fleet, row: Secret, sealed: Sealed, recipients: Iterable[Recipient], where: str, today: dt.date
) -> Iterator[Finding]:
    """Who can read it and should not, and the other way round; keys by account."""
    wanted = keys_of(recipients, readers(fleet.environment, row), today)
    mend = f"province secrets reseal {row.id} -e {fleet.environment.id}"
    for account in sorted({*wanted, *sealed.readers}):
        may, can = set(wanted.get(account, ())), set(sealed.readers.get(account, ()))
        if can and not may:
            problem = "can read it and may not"
            yield Finding(
                where, f"readers.{account}", "", problem, f"{mend}; who read it knows the value: renew that, too"
            )
        elif can - may:
            problem = "can read it by a key that is no longer used"
            yield Finding(where, f"readers.{account}", min(can - may), problem, mend)
        if may - can:
            problem = "cannot read it" if not can else "cannot read it by a newer key"
            yield Finding(where, f"readers.{account}", min(may - can), problem, mend)


def _recipients(
    fleet: Fleet, used: Iterable[Secret], recipients: Iterable[Recipient], today: dt.date, soon: int
) -> Iterator[Finding]:
    shown = register(fleet)[1]
    accounts = {one.name for one in fleet.environment.accounts}
    rows = list(recipients)
    for one in rows:
        if one.account not in accounts:
            mend = f"remove the row, then province secrets reseal -e {fleet.environment.id}"
            yield Finding(shown, one.account, one.key, "is no account of this environment", mend)
            continue
        newer = any(two.account == one.account and two.until > one.until for two in rows)
        if not newer:
            mend = "province secrets identity FILE makes the next key; add its row"
            yield from _due(shown, f"{one.account}.until", one.until, today, soon, mend)
    wanted = {name: row.id for row in used for name in readers(fleet.environment, row)}
    for name in sorted(set(wanted) - {one.account for one in rows}):
        mend = "province secrets identity FILE prints its row"
        yield Finding(shown, name, "", f"has no key, and may read {wanted[name]}", mend)


def _due(where: str, key: str, day: dt.date, today: dt.date, soon: int, mend: str) -> Iterator[Finding]:
    left = (day - today).days
    if left < 0:
        yield Finding(where, key, str(day), f"over for {-left} d", mend)
    elif left <= soon:
        yield Finding(where, key, str(day), f"ends in {left} d", mend)
