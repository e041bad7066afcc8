"""A fence: a database that answers every write with a clear message, while replication still passes.

It is a trigger on each table. Making it waits for writes that are under way, so none is in flight once it stands; it
holds for owners and superusers too, and a worker of logical replication does not fire it (PostgreSQL,
`session_replication_role`). A setting that makes sessions read-only would do none of that.
"""

from __future__ import annotations

from province.migration.postgresql.server import Server

SCHEMA = "province_migration"
USER_TABLES = f"""
    SELECT c.oid, c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', '{SCHEMA}')
"""
"""Every table of the system's own."""

MESSAGE = "This database is being moved and takes no changes for the moment"
RAISE = f"""
CREATE SCHEMA IF NOT EXISTS {SCHEMA};
CREATE OR REPLACE FUNCTION {SCHEMA}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'read_only_sql_transaction'; END $$;
GRANT USAGE ON SCHEMA {SCHEMA} TO PUBLIC;
DO $$ DECLARE t record; BEGIN
    FOR t IN {USER_TABLES} LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER province_fence BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s'
            ' FOR EACH STATEMENT EXECUTE FUNCTION {SCHEMA}.refuse()', t.name);
    END LOOP;
END $$;
"""
"""What refuses writes on every table that is there; for tables that are only being made, in their own transaction."""

_TAKE_DOWN = f"""
DO $$ DECLARE t record; BEGIN
    FOR t IN {USER_TABLES} LOOP EXECUTE format('DROP TRIGGER IF EXISTS province_fence ON %s', t.name); END LOOP;
END $$;
"""
_UNFENCED = f"""
SELECT count(*) FILTER (WHERE g.oid IS NULL), count(*) FROM ({USER_TABLES}) t
LEFT JOIN pg_trigger g ON g.tgrelid = t.oid AND g.tgname = 'province_fence' AND g.tgenabled <> 'D'
"""


def shut(server: Server, *, lock_seconds: int = 30) -> None:
    """Refuse writes on every table at once; a transaction that holds one longer than that keeps all of them open."""
    server.ask(f"SET lock_timeout = '{lock_seconds}s'; {RAISE}")


def open_(server: Server, also: str = "") -> None:
    """Take writes again; `also`: what becomes true in the same transaction."""
    server.ask(f"{_TAKE_DOWN} {also}")


def refuses(server: Server) -> bool:
    """Whether every table refuses writes; False for a database without tables."""
    unfenced, tables = server.rows(_UNFENCED)[0]
    return unfenced == "0" and tables != "0"
