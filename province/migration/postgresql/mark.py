"""What both sides cannot be asked, noted on the new one: it was rehearsed, it was cut over at that moment, it soaks.

The note is the comment on our schema there: it moves with the database, and who asks needs no file of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from province.errors import ExitCode, ProvinceError
from province.fleet.migration import Phase
from province.migration.postgresql.fence import SCHEMA
from province.migration.postgresql.server import Server

_READ = f"SELECT '=' || coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = '{SCHEMA}'"


@dataclass(frozen=True)
class Mark:
    """A note: the phase that was reached; since the cut-over its moment; and the old database that is being wiped."""

    phase: Phase
    cut_over: datetime | None = None
    wiping: str = ""


def read(server: Server) -> Mark | None:
    """The note; None where our schema is not there, so where nothing was provisioned."""
    said = server.ask(_READ)
    if not said:
        return None
    words = said.removeprefix("=").split(" ", 2) if said != "=" else [Phase.PROVISIONED]
    try:
        moment = datetime.fromisoformat(words[1]) if len(words) > 1 else None
        return Mark(Phase(words[0]), moment, words[2] if len(words) > 2 else "")
    except ValueError as error:
        raise ProvinceError(
            f"{server.conninfo}: the comment on the schema {SCHEMA} is no note of ours: {error}",
            hint="somebody wrote it: `COMMENT ON SCHEMA` with the phase that the journal names last",
            exit_code=ExitCode.BAD_DATA,
        ) from None


def write(server: Server, mark: Mark) -> None:
    """Put a note in place of the one before."""
    words = [mark.phase, *([mark.cut_over.isoformat()] if mark.cut_over else []), *([mark.wiping] * bool(mark.wiping))]
    text = " ".join(words).replace("'", "''")
    server.ask(f"COMMENT ON SCHEMA {SCHEMA} IS '{text}'")


CUT_OVER_NOW = f"""
DO $$ BEGIN EXECUTE format('COMMENT ON SCHEMA {SCHEMA} IS %L',
    '{Phase.CUT_OVER} ' || to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"')); END $$;
"""
"""The note of the cut-over, by the server's own clock: made in the transaction that lets writes in."""
