"""Copies of databases by pg_dump and pg_restore, each proved: what was restored is compared with what was dumped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from province.migration.postgresql import fence
from province.migration.postgresql.compare import chunks, compared, rows, schema
from province.migration.postgresql.server import Server
from province.migration.postgresql.session import Session
from province.migration.proofs import sha256_of

LONG = 86400.0
"""Seconds that a dump or a restore may take: a day."""

_LIKE = """
SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', '{name}',
    pg_encoding_to_char(encoding), datcollate, datctype) FROM pg_database WHERE datname = current_database()
"""
_EMPTY = """
DO $$ DECLARE s record; BEGIN
    FOR s IN SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'
        AND nspname NOT IN ('information_schema', '{ours}')
    LOOP EXECUTE format('DROP SCHEMA %I CASCADE', s.nspname); END LOOP;
END $$;
CREATE SCHEMA public AUTHORIZATION pg_database_owner; GRANT USAGE ON SCHEMA public TO PUBLIC;
"""


@dataclass(frozen=True)
class Proved:
    """A dump that was restored: seconds of both, rows, bytes and SHA-256 of its file, and chunks that differ."""

    file: Path
    sha256: str
    bytes: int
    rows: int
    compared: int
    different: tuple[str, ...]
    dump_seconds: float
    restore_seconds: float


def prove(source: Server, copy: Server, file: Path) -> Proved:
    """Dump a database into a file, restore it into an empty one, and compare all rows as they were at that moment.

    Writers go on: the dump and the checksums read the same snapshot.
    """
    began = time.monotonic()
    with Session(source) as session:
        snapshot = session.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot();")
        dump(source, file, copy, snapshot=snapshot)
        dumped = time.monotonic()
        here, many = chunks(source, snapshot), rows(source, snapshot)
    began_again = time.monotonic()
    restore(copy, file)
    restored = time.monotonic()
    wrong, number = compared(here, chunks(copy))
    return Proved(
        file,
        sha256_of(file),
        file.stat().st_size,
        many,
        number,
        wrong,
        round(dumped - began, 2),
        round(restored - began_again, 2),
    )


def copy_schema(source: Server, target: Server) -> None:
    """Make the old side's tables on the new one, which refuse writes from the first moment; once."""
    if target.ask(f"SELECT to_regnamespace('{fence.SCHEMA}') IS NOT NULL") == "t" and schema(target):
        return
    # The target's own pg_dump: it reads older servers, and an older one does not read newer ones.
    ddl = target.run(
        "pg_dump",
        "--schema-only",
        "--no-owner",
        "--no-publications",
        "--no-subscriptions",
        f"--exclude-schema={fence.SCHEMA}",
        "-d",
        source.from_other,
    )
    target.ask(without_fence(ddl) + fence.RAISE)


def dump(source: Server, file: Path, by: Server, *, snapshot: str = "", kept: bool = True) -> None:
    """Write a dump of everything but what is ours; by the programs of the side that will read it.

    One that is not kept is not compressed: that takes most of the time, and nobody can write meanwhile.
    """
    options = [*([f"--snapshot={snapshot}"] if snapshot else []), *([] if kept else ["--compress=0"])]
    part = file.with_name(f"{file.name}.part")
    by.run_into(
        part,
        "pg_dump",
        "--format=custom",
        "--no-owner",
        "--no-publications",
        "--no-subscriptions",
        f"--exclude-schema={fence.SCHEMA}",
        *options,
        "-d",
        source.from_other,
    )
    part.rename(file)


def restore(target: Server, file: Path, *, fenced: bool = False) -> None:
    """Fill an empty database; `fenced`: its tables refuse writes before they hold a row.

    What is restored is no write of anybody's, so it fires no trigger.
    """
    quiet = f"{target.conninfo} options='-c session_replication_role=replica'"
    for section in ("pre-data", "data", "post-data"):
        words = (f"--section={section}", "--no-owner")
        if section == "data":
            target.run("pg_restore", *words, "--single-transaction", "-d", quiet, typed=file, seconds=LONG)
            continue
        # A dump of a frozen database has the triggers of its fence.
        sql = without_fence(target.run("pg_restore", *words, "-f", "-", typed=file))
        target.ask(sql + fence.RAISE if fenced else sql, seconds=LONG)


def without_fence(sql: str) -> str:
    """A dump's statements without the triggers of a fence: each stands on a line of its own."""
    return "\n".join(line for line in sql.split("\n") if not line.startswith("CREATE TRIGGER province_fence "))


def empty(target: Server) -> None:
    """Throw everything away but what is ours."""
    target.ask(_EMPTY.format(ours=fence.SCHEMA))


@contextmanager
def beside(server: Server, suffix: str) -> Iterator[Server]:
    """An empty database beside this one, of the same encoding, that is gone afterwards; one left over is taken away."""
    name = f"{server.ask('SELECT current_database()')}_{suffix}"
    other = server.other(name)
    take_away(server, name)
    server.outside(server.ask(_LIKE.format(name=name.replace("'", "''"))))
    try:
        yield other
    finally:
        take_away(server, name)


def take_away(server: Server, name: str) -> None:
    """Remove another database of this server with the streams that begin or end in it; nothing where there is none."""
    quoted = name.replace("'", "''")
    if server.ask(f"SELECT count(*) FROM pg_database WHERE datname = '{quoted}'") == "0":
        return
    other = server.other(name)
    for (stream,) in other.rows(
        "SELECT subname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid "
        "WHERE datname = current_database()"
    ):
        other.ask(f"ALTER SUBSCRIPTION {stream} DISABLE; ALTER SUBSCRIPTION {stream} SET (slot_name = NONE)")
        other.ask(f"DROP SUBSCRIPTION {stream}")
    slots = f"FROM pg_replication_slots WHERE database = '{quoted}'"
    server.ask(f"SELECT pg_terminate_backend(active_pid) {slots} AND active")
    server.wait("idle slots", lambda: server.ask(f"SELECT count(*) {slots} AND active") == "0", 30)
    server.ask(f"SELECT pg_drop_replication_slot(slot_name) {slots}")
    server.outside(server.ask(f"SELECT format('DROP DATABASE %I WITH (FORCE)', '{quoted}')"))
