"""An old province's electronic office, made up: the same arguments, the same rows, byte for byte.

What is published (documents in and out a quarter, accounts, how many are signed) gives the ratios; the rest is made up.
Two old provinces number their organisations and accounts alike, as two systems that never knew of each other do: one
code names two bodies. Districts are those that vanished.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.migration.postgresql.server import Server

SCHEMA = """
CREATE TABLE organisations (code text PRIMARY KEY, name text NOT NULL, district text);
CREATE TABLE accounts (name text PRIMARY KEY, organisation text NOT NULL REFERENCES organisations,
    full_name text NOT NULL);
CREATE TABLE documents (id bigserial PRIMARY KEY, organisation text NOT NULL REFERENCES organisations,
    subject text NOT NULL, direction text NOT NULL DEFAULT 'in' CHECK (direction IN ('in', 'out')),
    signed boolean NOT NULL DEFAULT false, filed timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON documents (organisation);
CREATE TABLE attachments (id bigserial PRIMARY KEY, document bigint NOT NULL REFERENCES documents,
    name text NOT NULL, content bytea NOT NULL);
CREATE INDEX ON attachments (document);
"""
ORGANISATIONS = 150
ROW_BYTES = 250
"""What a document takes beside its attachment, indexes included: measured, PostgreSQL 15."""
_QUARTER = datetime(2025, 1, 1, tzinfo=UTC)
_FAMILY = ("Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Danh", "Thạch", "Châu")
_GIVEN = ("An", "Bình", "Chi", "Dũng", "Giang", "Hạnh", "Khoa", "Lan", "Minh", "Phúc")
_KINDS = ("Công văn", "Quyết định", "Tờ trình", "Báo cáo", "Thông báo", "Giấy mời")


@dataclass(frozen=True)
class Office:
    """One office: `documents` rows, of which each `every`-th has an attachment of about `attachment_bytes`."""

    province: str
    districts: tuple[str, ...]
    incoming_share: float
    signed_share: float
    accounts: int
    documents: int
    every: int
    attachment_bytes: int

    @classmethod
    def of(
        cls, fleet: Fleet, province: str, documents: int, *, every: int = 1, attachment_bytes: int = 24_000
    ) -> Office:
        """The office of an old province, with the published ratios.

        Raises ProvinceError for a province whose districts no commune names.
        """
        formerly = [commune.formerly for commune in fleet.communes.values()]
        districts = sorted({name for one in formerly if one.province == province for name in one.districts})
        if not districts:
            known = ", ".join(sorted({one.province for one in formerly}))
            raise ProvinceError(f"no old province {province!r}", hint=f"known: {known}", exit_code=ExitCode.USAGE)
        published = {row.id: float(row.figure.value) for row in fleet.registers.indicators.rows}
        all_documents = published["documents-in"] + published["documents-out"]
        return cls(
            province,
            tuple(districts),
            published["documents-in"] / all_documents,
            published["documents-signed"] / 100,
            max(1, round(documents * published["e-office-accounts"] / all_documents)),
            documents,
            every,
            attachment_bytes,
        )

    @classmethod
    def of_bytes(cls, fleet: Fleet, province: str, size: int, *, attachment_bytes: int = 24_000) -> Office:
        """The office whose database takes about so many bytes."""
        return cls.of(fleet, province, size // (attachment_bytes + ROW_BYTES), attachment_bytes=attachment_bytes)

    def load(self, server: Server) -> None:
        """Make the tables and fill them by COPY; the database must be empty."""
        server.ask(SCHEMA)
        server.copy("organisations (code, name, district)", self.organisations())
        server.copy("accounts (name, organisation, full_name)", self.people())
        server.copy("documents (id, organisation, subject, direction, signed, filed)", self.filed())
        server.copy("attachments (id, document, name, content)", self.attached())
        server.ask(
            f"SELECT setval('documents_id_seq', {max(1, self.documents)});"
            f"SELECT setval('attachments_id_seq', {max(1, self.documents // self.every)}); ANALYZE"
        )

    def organisations(self) -> Iterator[bytes]:
        """Rows as COPY reads them: codes that the other old province has, too, for other bodies."""
        for number in range(1, ORGANISATIONS + 1):
            district = self.districts[number % len(self.districts)]
            yield _row(code(number), f"Cơ quan {number} {district}, {self.province}", district)

    def people(self) -> Iterator[bytes]:
        """Accounts, named alike in both old provinces."""
        chance = self._chance("accounts")
        for number in range(1, self.accounts + 1):
            name = f"{chance.choice(_FAMILY)} {chance.choice(_FAMILY)} {chance.choice(_GIVEN)}"
            yield _row(f"canbo{number:05}", code(chance.randint(1, ORGANISATIONS)), name)

    def filed(self) -> Iterator[bytes]:
        """Documents of one quarter, in the order in which they were filed."""
        chance = self._chance("documents")
        for number in range(1, self.documents + 1):
            moment = _QUARTER + timedelta(days=90) * (number / (self.documents + 1))
            yield _row(
                str(number),
                code(chance.randint(1, ORGANISATIONS)),
                f"{chance.choice(_KINDS)} số {number} về việc thứ {chance.randint(1, 999)}",
                "in" if chance.random() < self.incoming_share else "out",
                "t" if chance.random() < self.signed_share else "f",
                moment.isoformat(),
            )

    def attached(self) -> Iterator[bytes]:
        """Attachments that no compression makes smaller, as scanned pages are; from a quarter to 1.75 of the size."""
        chance = self._chance("attachments")
        for number in range(1, self.documents // self.every + 1):
            size = round(self.attachment_bytes * chance.uniform(0.25, 1.75))
            content = chance.randbytes(size).hex()
            yield _row(str(number), str(number * self.every), f"van-ban-{number}.pdf", f"\\\\x{content}")

    def _chance(self, table: str) -> random.Random:
        return random.Random(f"{self.province}/{table}/{self.documents}")  # noqa: S311 - made-up rows, no secret


def code(number: int) -> str:
    """The code of an organisation, the same in every old province."""
    return f"CQ{number:03}"


def _row(*fields: Sequence[str]) -> bytes:
    return ("\t".join(map(str, fields)) + "\n").encode()
