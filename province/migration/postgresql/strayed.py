"""Rows that two sides do not hold alike while one of them takes writes, and the other follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from province.migration.postgresql.compare import CHUNK_ROWS, KEYS, SAME_TEXT, chunks
from province.migration.postgresql.server import Server


def strayed(here: Server, there: Server, drain: Callable[[], object]) -> int:
    """How many rows one side lacks or has otherwise, though everything written flowed over.

    What somebody writes meanwhile is not looked at: a chunk counts only where it stayed as it was on both sides from
    before `drain` until after it; rows of such a chunk, only where the other side has them nowhere.
    """
    here_before, there_before = chunks(here), chunks(there)
    drain()
    here_after, there_after = chunks(here), chunks(there)
    apart = {
        name
        for name in here_after.keys() | there_after.keys()
        if here_after.get(name) != there_after.get(name)
        and here_before.get(name) == here_after.get(name)
        and there_before.get(name) == there_after.get(name)
    }
    if not apart:
        return 0
    tables = {table: (key, columns) for table, key, columns in here.rows(KEYS)}
    return sum(_rows(here, there, table, *tables[table], firsts) for table, firsts in _by_table(apart).items())


def _by_table(names: Iterable[str]) -> Mapping[str, list[int]]:
    """The numbers of the first rows of chunks, by table."""
    found: dict[str, list[int]] = {}
    for name in names:
        table, _, numbers = name.rpartition(" rows ")
        found.setdefault(table, []).append(int(numbers.partition("..")[0]))
    return found


def _rows(here: Server, there: Server, table: str, key: str, columns: str, firsts: list[int]) -> int:
    """One that was changed is a row here and another one there: it counts once."""
    both = [_hashes(one, table, key, columns, firsts) for one in (here, there)]
    only = (both[0] - both[1], both[1] - both[0])
    lacking = (only[0] - _held(there, table, columns, only[0]), only[1] - _held(here, table, columns, only[1]))
    # What was taken away meanwhile is missed by nobody.
    return max(len(_held(side, table, columns, rows)) for side, rows in zip((here, there), lacking, strict=True))


def _hashes(server: Server, table: str, key: str, columns: str, firsts: list[int]) -> set[str]:
    wanted = " OR ".join(f"number BETWEEN {first} AND {first + CHUNK_ROWS - 1}" for first in sorted(firsts))
    said = server.ask(f"""{SAME_TEXT} SELECT md5(body) FROM (
        SELECT row_number() OVER (ORDER BY {key}) AS number, ROW({columns})::text AS body FROM {table} t) numbered
        WHERE {wanted}""")
    return set(said.split())


def _held(server: Server, table: str, columns: str, hashes: set[str]) -> set[str]:
    """Which of these rows a side has, wherever."""
    if not hashes:
        return set()
    listed = ", ".join(f"('{one}')" for one in sorted(hashes))
    said = server.ask(f"""{SAME_TEXT} SELECT hash FROM (VALUES {listed}) wanted (hash)
        WHERE hash IN (SELECT md5(ROW({columns})::text) FROM {table} t)""")
    return set(said.split())
