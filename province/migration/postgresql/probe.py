"""Whether a database that was cut over is well: asked before it begins to soak."""

from __future__ import annotations

from collections.abc import Iterator

from province.errors import ProvinceError
from province.migration.postgresql import fence
from province.migration.postgresql.server import Server
from province.migration.postgresql.way import Way

_NUMBERED = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(s.relname), t.oid::regclass, quote_ident(a.attname)
FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN pg_class t ON t.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE d.deptype IN ('a', 'i') AND d.classid = 'pg_class'::regclass ORDER BY 1
"""


def failed(way: Way) -> tuple[str, ...]:
    """What is wrong on the new side, in words; empty when nothing is."""
    return tuple(_failed(way))


def _failed(way: Way) -> Iterator[str]:
    if fence.refuses(way.target):
        yield "the new side refuses writes"
    if not fence.refuses(way.source):
        yield "the old side takes writes"
    yield from _numbers(way.target)
    try:
        if way.flows_back() is False:
            yield "no stream flows back: a way back would lose writes"
    except ProvinceError as error:
        yield f"the old side does not keep up: {error.message}"


def _numbers(server: Server) -> Iterator[str]:
    """A sequence that stands behind its column gives a number twice, and the next write fails."""
    for sequence, table, column in server.rows(_NUMBERED):
        behind = f"SELECT coalesce((SELECT max({column}) FROM {table}) > (SELECT last_value FROM {sequence}), false)"
        if server.ask(behind) == "t":
            yield f"{sequence} is behind {table}.{column}"
