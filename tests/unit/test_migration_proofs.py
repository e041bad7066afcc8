"""The book of proofs: each line holds the one before it and is signed where it must be; a changed one opens no gate."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.migration.desk import Desk
from province.migration.proofs import Backup, Book, Rehearsal, sha256_of
from province.verify.signature import Authority, Signer

NOW = dt.datetime(2026, 11, 28, 21, 0, tzinfo=dt.UTC)


def rehearsal(**changes: object) -> Rehearsal:
    said = {
        "time": NOW, "wave": 3, "move": "m", "who": "lan", "items": 10, "bytes": 2**30, "copy_seconds": 1.0,
        "read_only_seconds": 2.0, "back_seconds": 1.0, "schema_same": True, "compared": 4, "different": (),
    }  # fmt: skip
    return Rehearsal.model_validate(said | changes)


def backup(file: Path, *, final: bool = True, different: tuple[str, ...] = ()) -> Backup:
    return Backup(
        time=NOW,
        wave=3,
        move="m",
        who="lan",
        file=file.name,
        sha256=sha256_of(file),
        bytes=1,
        items=1,
        compared=1,
        different=different,
        dump_seconds=1,
        restore_seconds=1,
        final=final,
    )


def test_the_newest_of_a_move_counts(tmp_path: Path) -> None:
    book = Book(tmp_path)
    for one in (rehearsal(items=1), rehearsal(items=2), rehearsal(move="other", items=3)):
        book.add(one)
    newest = book.newest(Rehearsal, "m")
    assert newest
    assert newest.items == 2
    assert book.newest(Backup, "m") is None


Lines = list[bytes]
SPOILS: dict[str, Callable[[Lines], Lines]] = {
    "changed": lambda lines: [lines[0].replace(b'"read_only_seconds":2.0', b'"read_only_seconds":1.0'), *lines[1:]],
    "taken out": lambda lines: lines[1:],
    "moved": lambda lines: [lines[0], lines[2], lines[1]],
    "torn": lambda lines: [*lines[:2], lines[2][:-1]],
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_a_book_that_somebody_changed_opens_no_gate_and_takes_nothing(
    tmp_path: Path, spoil: Callable[[Lines], Lines]
) -> None:
    book = Book(tmp_path)
    for items in (1, 2, 3):
        book.add(rehearsal(items=items))
    book.path.write_bytes(b"".join(spoil(book.path.read_bytes().splitlines(keepends=True))))
    asked: list[Callable[[], object]] = [lambda: book.newest(Rehearsal, "m"), lambda: book.add(rehearsal())]
    for asks in asked:
        with pytest.raises(ProvinceError, match=r"proofs\.jsonl line") as refused:
            asks()
        assert refused.value.exit_code is ExitCode.BAD_DATA


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Signer, Authority]:
    def keygen(*words: str | Path) -> None:
        subprocess.run(["ssh-keygen", "-q", *words], check=True, cwd=tmp_path)

    for name in ("ca", "lan"):
        keygen("-t", "ed25519", "-N", "", "-f", name)
    keygen("-s", "ca", "-I", "lan", "-n", "lan", "-V", "20260101:20270101", "lan.pub")
    return Signer(tmp_path / "lan-cert.pub", "lan"), Authority((tmp_path / "ca.pub").read_text(encoding="utf-8"))


def test_who_signs_is_checked_and_an_unsigned_proof_does_not_count(
    tmp_path: Path, keys: tuple[Signer, Authority]
) -> None:
    signer, authority = keys
    signed = Book(tmp_path, signer, authority)
    signed.add(rehearsal())
    newest = signed.newest(Rehearsal, "m")
    assert newest
    assert newest.signer == "lan"
    Book(tmp_path).add(rehearsal())
    with pytest.raises(ProvinceError, match="line 2: is not signed"):
        signed.read()


def test_an_archive_is_of_a_frozen_side_the_same_and_still_there(fleet: Fleet, tmp_path: Path) -> None:
    assert fleet.migration
    move = next(iter(fleet.migration.moves.values())).model_copy(update={"id": "m"})
    book = Book(tmp_path)
    desk = Desk(book, tmp_path, 3, "lan", lambda: NOW)
    file = tmp_path / "copy"
    file.write_bytes(b"rows")
    for one in (backup(file, final=False), backup(file, different=("rows 1..9",))):
        book.add(one)
        assert desk.archive(move) is None
    book.add(backup(file))
    assert desk.archive(move)
    file.write_bytes(b"Rows")
    assert desk.archive(move) is None
    assert desk.proved(move).archived is None
