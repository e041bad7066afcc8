"""What two databases hold, compared: schema, and rows by chunk. And what replication could not carry over at all."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from province.migration.postgresql.fence import SCHEMA, USER_TABLES
from province.migration.postgresql.server import Server

CHUNK_ROWS = 10_000
SAME_TEXT = "SET datestyle = 'ISO'; SET timezone = 'UTC'; SET extra_float_digits = 1;"
"""Settings by which a value has the same text on every server."""

_UNCOMPARED = f"""
SELECT count(*) || ' large objects' FROM pg_largeobject_metadata HAVING count(*) > 0
UNION ALL SELECT 'no primary key: ' || t.name FROM ({USER_TABLES}) t
    WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)
"""
_OBSTACLES = f"""
SELECT 'wal_level is ' || setting || ', not logical' FROM pg_settings WHERE name = 'wal_level' AND setting <> 'logical'
UNION ALL SELECT 'unlogged table ' || t.name FROM ({USER_TABLES}) t JOIN pg_class c USING (oid)
    WHERE c.relpersistence = 'u'
UNION ALL {_UNCOMPARED} ORDER BY 1
"""
_SCHEMA = f"""
SELECT t.name || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull
    FROM ({USER_TABLES}) t JOIN pg_attribute a ON a.attrelid = t.oid WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL SELECT pg_get_indexdef(i.indexrelid) FROM ({USER_TABLES}) t JOIN pg_index i ON i.indrelid = t.oid
UNION ALL SELECT t.name || ' ' || pg_get_constraintdef(c.oid) FROM ({USER_TABLES}) t
    JOIN pg_constraint c ON c.conrelid = t.oid WHERE c.contype <> 'n'
UNION ALL SELECT 'sequence ' || c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'S' AND n.nspname NOT IN ('information_schema', '{SCHEMA}')
ORDER BY 1
"""
"""Not-null constraints stand in `attnotnull`: PostgreSQL 18 lists them as constraints, too."""

KEYS = f"""
SELECT t.name, string_agg(quote_ident(a.attname), ',' ORDER BY array_position(i.indkey::int2[], a.attnum)),
    (SELECT string_agg(CASE c.atttypid WHEN 'bytea'::regtype THEN format('md5(t.%I)', c.attname)
        ELSE format('t.%I', c.attname) END, ',' ORDER BY c.attname)
        FROM pg_attribute c WHERE c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped)
FROM ({USER_TABLES}) t JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey) GROUP BY 1, 3 ORDER BY 1
"""
"""Tables, their keys, their columns. What lies in a column as a file goes in by its own checksum: a text of it would be
twice as long, and nobody can write while it is made."""


def obstacles(source: Server) -> tuple[str, ...]:
    """What logical replication cannot carry over (PostgreSQL manual, 31.8), by name; empty when nothing is."""
    return tuple(source.ask(_OBSTACLES).splitlines())


def uncompared(source: Server) -> tuple[str, ...]:
    """What is not compared, by name: rows are, in the order of their primary key."""
    return tuple(source.ask(f"{_UNCOMPARED} ORDER BY 1").splitlines())


def schema(server: Server) -> str:
    """Tables, columns, indexes, constraints and sequences as text: the same text, the same schema."""
    return server.ask(_SCHEMA)


def chunks(server: Server, snapshot: str = "") -> dict[str, str]:
    """A checksum over every row, for each `table rows FIRST..LAST` in the order of the primary key.

    With the name of a snapshot, of the rows as they were in it.
    """
    found = {}
    for table, key, columns in server.rows(KEYS):
        sql = f"""{_seen(snapshot)} {SAME_TEXT}
        SELECT chunk, md5(string_agg(row, '' ORDER BY number)) FROM (
            SELECT number, (number - 1) / {CHUNK_ROWS} AS chunk, md5(body) AS row FROM (
                SELECT row_number() OVER (ORDER BY {key}) AS number, ROW({columns})::text AS body
                FROM {table} t) numbered) hashed
        GROUP BY 1 ORDER BY 1"""
        for chunk, digest in server.rows(sql):
            first = int(chunk) * CHUNK_ROWS + 1
            found[f"{table} rows {first}..{first + CHUNK_ROWS - 1}"] = digest
    return found


def rows(server: Server, snapshot: str = "") -> int:
    """How many rows all tables hold together."""
    tables = [name for (name,) in server.rows(f"SELECT name FROM ({USER_TABLES}) t")]
    counts = " + ".join(f"(SELECT count(*) FROM {name})" for name in tables)
    return int(server.ask(f"{_seen(snapshot)} SELECT {counts or 0}"))


def _seen(snapshot: str) -> str:
    return (
        f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '{snapshot}';" if snapshot else ""
    )


def different(source: Server, target: Server) -> tuple[tuple[str, ...], int]:
    """Chunks that are not the same on both sides, and how many were compared: all of them, no sample."""
    # Nobody can write meanwhile, so the time counts: both servers work at once.
    with ThreadPoolExecutor(2) as both:
        here, there = both.map(chunks, (source, target))
    return compared(here, there)


def compared(here: Mapping[str, str], there: Mapping[str, str]) -> tuple[tuple[str, ...], int]:
    """Names whose checksums differ or stand on one side only, and how many names there are."""
    names = sorted(here.keys() | there.keys())
    return tuple(name for name in names if here.get(name) != there.get(name)), len(names)
