"""What was proved about a move: rehearsals, restored backups, wiped databases. Gates read it; nobody changes it unseen.

One line each, in a chain (`province.verify.chain`), signed with the operator's certificate where there is one. A line
that was changed, moved or taken out opens no gate: the whole book is refused.
"""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, NonNegativeFloat, NonNegativeInt, TypeAdapter, ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.fact import Fact, Slug
from province.fleet.migration import Phase
from province.verify.chain import body_of, chained, ends_of, follow, link
from province.verify.signature import Authority, Signer

FILE = "proofs.jsonl"


class _Proof(Fact):
    time: datetime
    wave: int
    move: Slug
    who: str
    signer: str = ""


class Rehearsal(_Proof):
    """A move was carried out on copies of both sides, there and back. Seconds; bytes of the copied old side."""

    kind: Literal["rehearsal"] = "rehearsal"
    items: NonNegativeInt
    bytes: NonNegativeInt
    copy_seconds: NonNegativeFloat
    read_only_seconds: NonNegativeFloat
    back_seconds: NonNegativeFloat
    schema_same: bool
    compared: NonNegativeInt
    different: tuple[str, ...]


class Backup(_Proof):
    """A dump was restored and compared. `final`: of an old side that took no writes any more, so fit as an archive."""

    kind: Literal["backup"] = "backup"
    file: str
    sha256: str
    bytes: NonNegativeInt
    items: NonNegativeInt
    compared: NonNegativeInt
    different: tuple[str, ...]
    dump_seconds: NonNegativeFloat
    restore_seconds: NonNegativeFloat
    final: bool


class Wiped(_Proof):
    """The old side is no more: what it was, who approved it, and the archive that is left of it."""

    kind: Literal["wiped"] = "wiped"
    what: str
    approved_by: tuple[str, ...]
    archive: str
    archive_sha256: str


class Step(_Proof):
    """A move was brought to a phase: when that began, by whose leave; `time` is when it was over.

    What was compared before it, where something was: `compared` of `items` chunks, files or messages, none of them
    different.
    """

    kind: Literal["step"] = "step"
    phase: Phase
    began: datetime
    approved_by: tuple[str, ...]
    compared: NonNegativeInt | None = None
    items: NonNegativeInt | None = None


Proof = Rehearsal | Backup | Wiped | Step
Kind = TypeVar("Kind", Rehearsal, Backup, Wiped, Step)
_PROOF: TypeAdapter[Proof] = TypeAdapter(Annotated[Rehearsal | Backup | Wiped | Step, Field(discriminator="kind")])


class Book:
    """All proofs of an environment; who adds one is the only conductor (`journal.alone`).

    With an authority, a line that its certificates did not sign counts as changed.
    """

    def __init__(self, folder: Path, signer: Signer | None = None, authority: Authority | None = None) -> None:
        self.path = folder / FILE
        self.signer = signer
        self.authority = authority

    def read(self) -> list[Proof]:
        """Every proof, the oldest first; ProvinceError where one was changed, or is not signed."""
        if not self.path.is_file():
            return []
        data = self.path.read_bytes()
        if broken := follow(data.splitlines(keepends=True)).broken:
            raise self._refused(broken.line, broken.what)
        return [self._parsed(number, line) for number, line in enumerate(data.decode().splitlines(), start=1)]

    def newest(self, kind: type[Kind], move: str) -> Kind | None:
        """The newest proof of a kind about a move."""
        return next((one for one in reversed(self.read()) if isinstance(one, kind) and one.move == move), None)

    def add(self, proof: Proof) -> None:
        """Write a proof at the end, durably; ProvinceError when the book was changed, and nothing is added to it."""
        self.read()
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else []
        signed = proof.model_copy(update={"signer": self.signer.name if self.signer else ""})
        body = signed.model_dump_json()
        chain = link(ends_of(lines[-1])[0] if lines else "", body)
        signature = self.signer.sign(chain.encode()) if self.signer else ""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        try:
            os.write(descriptor, chained(body, chain, signature))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _parsed(self, number: int, line: str) -> Proof:
        try:
            proof = _PROOF.validate_json(body_of(line))
        except ValidationError as error:
            raise self._refused(number, error.errors()[0]["msg"]) from None
        chain, signature = ends_of(line)
        if self.authority:
            why = self.authority.problem(chain.encode(), signature, proof.signer, proof.time)
            if why:
                raise self._refused(number, why)
        return proof

    def _refused(self, line: int, why: str) -> ProvinceError:
        return ProvinceError(
            f"{self.path} line {line}: {why}",
            hint="a proof that was changed opens no gate: bring the file back, or move it away and rehearse",
            exit_code=ExitCode.BAD_DATA,
        )


def sha256_of(file: Path) -> str:
    """The checksum of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
