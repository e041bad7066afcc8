"""The steps of a move by logical replication, there and back; each changes nothing where it was done already."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from province.errors import ProvinceError
from province.fleet.migration import Phase
from province.migration.postgresql import fence, mark
from province.migration.postgresql.compare import obstacles
from province.migration.postgresql.copy import copy_schema
from province.migration.postgresql.rehearsal import Course, rehearse
from province.migration.postgresql.server import Server

THERE, BACK = "province_there", "province_back"
"""Names of publications and subscriptions, which are a database's own; slots are the whole server's (`slot_of`)."""
_WORKERS = """
SELECT 'max_logical_replication_workers of the new side is ' || has || ', and ' || needs || ' are needed'
FROM (SELECT current_setting('max_logical_replication_workers')::int AS has, 2 * count(*) + 4 AS needs
    FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE datname <> current_database()) w
WHERE has < needs
"""
"""Two for each database that follows already, two for this one, two for its rehearsal: with fewer, copies wait for each
other without an end. Found by two offices that moved at once."""
_SEQUENCES = """
SELECT quote_literal(quote_ident(schemaname) || '.' || quote_ident(sequencename)), last_value
FROM pg_sequences WHERE last_value IS NOT NULL
"""


@dataclass(frozen=True)
class Pair:
    """The old database and the new one."""

    source: Server
    target: Server
    copy_seconds: float = 86400
    drain_seconds: float = 60

    @property
    def notes(self) -> Server:
        """The new side carries the note."""
        return self.target

    def between(self, source: Server, target: Server) -> Pair:
        """The same way between two other databases."""
        return replace(self, source=source, target=target)

    def obstacles(self) -> tuple[str, ...]:
        """What logical replication cannot carry over, and workers that lack for it on the new server."""
        return (*obstacles(self.source), *self.target.ask(_WORKERS).splitlines())

    def provision(self) -> None:
        """Copy the schema; the new side refuses writes from the first moment."""
        copy_schema(self.source, self.target)

    def replicate(self) -> None:
        """Begin the stream there, and wait until every table's first copy is over."""
        if not has_stream(self.target, THERE):
            self._empty_target()
        _publish(self.source, THERE)
        _subscribe(self.target, self.source, THERE, copy=True)
        self.target.wait("the first copy", self.copied, self.copy_seconds)

    def _empty_target(self) -> None:
        """Throw a copy of an earlier try away: only while the old side takes the writes, so that it has them all."""
        if fence.refuses(self.source) or not fence.refuses(self.target):
            raise ProvinceError("the old side is not the one that takes writes", hint="roll the wave back first")
        tables = ", ".join(name for (name,) in self.target.rows(f"SELECT name FROM ({fence.USER_TABLES}) t"))
        self.target.ask(f"SET session_replication_role = replica; TRUNCATE {tables}")

    def copied(self) -> bool:
        """Whether every table follows."""
        return self.target.ask("SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate <> 'r'") == "t"

    def follows(self) -> bool:
        """Whether the new side has everything but what is under way."""
        return has_stream(self.target, THERE) and self.copied()

    def frozen(self) -> bool:
        """Whether the old side refuses writes."""
        return fence.refuses(self.source)

    def lag(self) -> int | None:
        """Bytes that the new side has not confirmed; None without a stream, or when its slot was lost."""
        lag = _lag(self.source, THERE)
        if lag and self.frozen():
            # The log is the whole server's, and its other databases write on: of this one nothing lacks once the new
            # side confirmed what was written by now. Where it does not, the bytes say so.
            try:
                self._drain(self.source, THERE)
            except ProvinceError:
                return _lag(self.source, THERE)
            return 0
        return lag

    def freeze(self) -> None:
        """Refuse writes on the old side, and wait until everything written there is over."""
        fence.shut(self.source)
        self._drain(self.source, THERE)

    def cut_over(self) -> None:
        """Sequences, then the stream back, then writes: the new side takes none before they flow back."""
        if not fence.refuses(self.source):
            raise ProvinceError("the old side takes writes", hint="freeze it first")
        noted = mark.read(self.target)
        if noted and noted.phase in {Phase.CUT_OVER, Phase.SOAKING} and not fence.refuses(self.target):
            return
        _sequences(self.source, self.target)
        _unsubscribe(self.target, self.source, THERE)
        _publish(self.target, BACK)
        _subscribe(self.source, self.target, BACK, copy=False)
        fence.open_(self.target, mark.CUT_OVER_NOW)

    def roll_back(self) -> None:
        """The old side takes writes again, and has all that the new side took; safe from every phase."""
        if has_stream(self.source, BACK):
            fence.shut(self.target)
            self._drain(self.target, BACK)
            _sequences(self.target, self.source)
            _unsubscribe(self.source, self.target, BACK)
        elif not fence.refuses(self.target):
            raise ProvinceError(
                "the new side takes writes, and no stream flows back",
                hint=f"the subscription {BACK} was removed: compare both sides before anything is switched",
            )
        _unsubscribe(self.target, self.source, THERE)
        fence.open_(self.source)
        mark.write(self.target, mark.Mark(Phase.ROLLED_BACK))

    def flows_back(self) -> bool:
        """Whether the stream back is there, its slot is not lost, and the old side keeps up with it."""
        if not has_stream(self.source, BACK) or _slot(self.target, BACK) is None:
            return False
        self._drain(self.target, BACK)
        return True

    def rehearse(self, file: Path) -> Course:
        """Carry the move out on databases beside these two."""
        return rehearse(self, file)

    def let_go(self) -> None:
        """Take both streams away: from here on nothing leads back."""
        _unsubscribe(self.source, self.target, BACK)
        _unsubscribe(self.target, self.source, THERE)

    def _drain(self, writer: Server, name: str) -> None:
        """Wait until the other side confirmed what is written by now."""
        now = writer.ask("SELECT pg_current_wal_insert_lsn()")
        slot = slot_of(writer, name)
        if _slot(writer, name) is None:
            raise ProvinceError(
                f"{writer.conninfo}: the replication slot {slot} is lost",
                hint="roll the wave back, then begin again: changes since are not kept for the other side",
            )

        def over() -> bool:
            return (
                writer.ask(
                    f"SELECT confirmed_flush_lsn >= '{now}' FROM pg_replication_slots WHERE slot_name = '{slot}'"
                )
                == "t"
            )

        # A record of its own, so that an idle server has something that can be confirmed.
        writer.ask("SELECT pg_logical_emit_message(false, 'province', 'drain')")
        writer.wait(f"draining {name}", over, self.drain_seconds)


def has_stream(subscriber: Server, name: str) -> bool:
    """Whether this database follows by that name: the catalogue lists those of every database of the server."""
    sql = f"""SELECT count(*) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
        WHERE subname = '{name}' AND datname = current_database()"""
    return subscriber.ask(sql) == "1"


def slot_of(writer: Server, name: str) -> str:
    """The name of a stream's slot: several databases of one server move at once, and copies rehearse beside them."""
    return name + "_" + writer.ask("SELECT oid FROM pg_database WHERE datname = current_database()")


def _slot(writer: Server, name: str) -> str | None:
    held = f"slot_name = '{slot_of(writer, name)}' AND wal_status <> 'lost'"
    return writer.ask(f"SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE {held}") or None


def _lag(writer: Server, name: str) -> int | None:
    flushed = _slot(writer, name)
    return (
        None if flushed is None else int(writer.ask(f"SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '{flushed}')"))
    )


def _publish(writer: Server, name: str) -> None:
    if writer.ask(f"SELECT count(*) FROM pg_publication WHERE pubname = '{name}'") == "0":
        writer.ask(f"CREATE PUBLICATION {name} FOR ALL TABLES")


def _subscribe(subscriber: Server, writer: Server, name: str, *, copy: bool) -> None:
    if not has_stream(subscriber, name):
        reach = writer.from_other.replace("'", "''")
        # A slot that a killed conductor left behind belongs to no subscription: it would keep the log for ever.
        _drop_slot(writer, name)
        subscriber.outside(
            f"CREATE SUBSCRIPTION {name} CONNECTION '{reach}' PUBLICATION {name}"
            f" WITH (copy_data = {str(copy).lower()}, slot_name = '{slot_of(writer, name)}')"
        )


def _unsubscribe(subscriber: Server, writer: Server, name: str) -> None:
    """Take a stream away, also where its slot is gone already."""
    if has_stream(subscriber, name):
        subscriber.ask(f"ALTER SUBSCRIPTION {name} DISABLE")
        subscriber.ask(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)")
        subscriber.ask(f"DROP SUBSCRIPTION {name}")
    _drop_slot(writer, name)
    writer.ask(f"DROP PUBLICATION IF EXISTS {name}")


def _drop_slot(writer: Server, name: str) -> None:
    held = f"FROM pg_replication_slots WHERE slot_name = '{slot_of(writer, name)}'"
    writer.wait(f"letting go of the slot {name}", lambda: writer.ask(f"SELECT count(*) {held} AND active") == "0", 30)
    writer.ask(f"SELECT pg_drop_replication_slot(slot_name) {held}")


def _sequences(from_: Server, to: Server) -> None:
    """Numbers go on where they stopped: logical replication carries rows, not sequences."""
    to.ask("".join(f"SELECT setval({name}, {value});" for name, value in from_.rows(_SEQUENCES)))
