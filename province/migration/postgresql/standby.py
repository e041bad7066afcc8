"""The steps of a move by a physical standby: the whole server is followed byte by byte, and promoted.

Nothing may differ from the old side before the promotion, so the note of a move is written there, and comes over with
everything else. A promoted standby goes its own way: nothing flows back, and the way back ends with the first write.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.fleet.migration import Phase
from province.migration.postgresql import fence, mark
from province.migration.postgresql.compare import different, uncompared
from province.migration.postgresql.place import Place
from province.migration.postgresql.rehearsal import Course, course_of, prove_backup
from province.migration.postgresql.server import Server

SLOT = "province_standby"
_OVER = frozenset({Phase.CUT_OVER, Phase.SOAKING, Phase.RETIRED})
_OBSTACLES = f"""
SELECT 'wal_level is ' || setting || ', not replica' FROM pg_settings WHERE name = 'wal_level' AND setting = 'minimal'
UNION ALL SELECT 'database ' || datname || ' would come along, and nobody refuses its writes' FROM pg_database
    WHERE NOT datistemplate AND datname NOT IN (current_database(), 'postgres')
UNION ALL SELECT 'tablespace ' || spcname FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')
UNION ALL SELECT 'unlogged table ' || t.name FROM ({fence.USER_TABLES}) t JOIN pg_class c USING (oid)
    WHERE c.relpersistence = 'u'
ORDER BY 1
"""


@dataclass(frozen=True)
class ByStandby:
    """A database of the old server, the same of the new one, and where the new server's files lie on its host."""

    source: Server
    target: Server
    place: Place
    drain_seconds: float = 60

    @property
    def notes(self) -> Server:
        """Whose note holds: a standby's is the old side's."""
        return self.target if self.promoted() else self.source

    def between(self, source: Server, target: Server) -> ByStandby:
        """The same way between two other servers."""
        return replace(self, source=source, target=target)

    def promoted(self) -> bool:
        """Whether the new server goes its own way."""
        return self._recovers() is False

    def obstacles(self) -> tuple[str, ...]:
        """What a standby cannot carry over, or would carry over beside."""
        old = int(self.source.ask("SHOW server_version_num")) // 10_000
        new = self.place.release()
        found = [f"the old server is of release {old}, the new one of {new}"] if old != new else []
        return (*found, *self.source.ask(_OBSTACLES).splitlines(), *uncompared(self.source))

    def provision(self) -> None:
        """Keep what a standby will need, and note that on the old side."""
        self.source.ask(f"CREATE SCHEMA IF NOT EXISTS {fence.SCHEMA}")
        if self._slot("wal_status") is None:
            self.source.ask(f"SELECT pg_create_physical_replication_slot('{SLOT}', true)")
        mark.write(self.source, mark.Mark(Phase.PROVISIONED))

    def replicate(self) -> None:
        """Copy the old server's files, start from them, and wait until the new one follows."""
        if self.promoted():
            raise ProvinceError(
                f"{self.target.conninfo}: is no standby any more",
                hint=f"it went its own way in an earlier try: stop it, and move {self.place.data} away",
            )
        if self._recovers() is None:
            self.place.fill(self.source.from_other, SLOT)
            self.place.start()
        if self._slot("wal_status") == "lost":
            raise ProvinceError(
                f"{self.source.conninfo}: the replication slot {SLOT} is lost",
                hint=f"roll the wave back, move {self.place.data} away, then begin again",
            )
        self.target.wait("the new server's first answer", self.follows, self.drain_seconds)

    def follows(self) -> bool:
        """Whether the new server takes what the old one writes, or went its own way after that."""
        recovers = self._recovers()
        return recovers is False or (recovers is True and self._slot("active") == "t")

    def lag(self) -> int | None:
        """Bytes that the new server has not replayed; None when it does not follow."""
        if self.promoted():
            return 0
        if not self.follows():
            return None
        if fence.refuses(self.source):
            # Nobody writes there but the server itself, and never stops: what was written by now has to be over.
            self._drain()
            return 0
        now = self.source.ask("SELECT pg_current_wal_flush_lsn()")
        return max(0, int(self.target.ask(f"SELECT pg_wal_lsn_diff('{now}', pg_last_wal_replay_lsn())")))

    def freeze(self) -> None:
        """Refuse writes on the old side, and wait until everything written there is over."""
        if self.promoted():
            if not self.frozen():
                raise ProvinceError("the new side takes writes", hint="nothing was changed")
            return
        if not self.follows():
            raise ProvinceError(
                f"{self.target.conninfo}: does not follow the old side", hint="its log says why; nothing was switched"
            )
        fence.shut(self.source)
        self._drain()

    def frozen(self) -> bool:
        """Whether both sides refuse writes, and the new one has them all or can still get them."""
        return fence.refuses(self.source) and self.follows() and fence.refuses(self.target)

    def cut_over(self) -> None:
        """Promote the new server, then let writes in."""
        if self.promoted() and self._noted() in _OVER:
            return
        if not self.frozen() or self.lag() is None:
            raise ProvinceError("the new side does not hold what the old one does", hint="freeze it first")
        promote = f"SELECT pg_promote(true, {int(self.drain_seconds)})"
        if not self.promoted() and self.target.outside(promote) != "t":
            raise ProvinceError(
                f"{self.target.conninfo}: was not promoted in {self.drain_seconds:.0f} s",
                hint="its log says why; ask for the same phase again, or roll the wave back",
            )
        self.let_go()
        fence.open_(self.target, mark.CUT_OVER_NOW)

    def flows_back(self) -> None:
        """Nothing flows back."""

    def roll_back(self) -> None:
        """The old side takes writes again; refused when the new side took one, and then it goes on to take them."""
        if self.promoted():
            if self._noted() in _OVER:
                fence.shut(self.target)
                if wrong := different(self.source, self.target)[0]:
                    fence.open_(self.target)
                    raise ProvinceError(
                        f"the new side took writes since the cut-over, and none flow back: {', '.join(wrong)}",
                        hint="carry them over by hand first, or mend what is wrong there; the new side goes on",
                    )
            # First the note: killed in between, nobody compares what the old side took since.
            mark.write(self.target, mark.Mark(Phase.ROLLED_BACK))
        elif self._recovers():
            self.place.stop()
        self.let_go()
        fence.open_(self.source)
        mark.write(self.source, mark.Mark(Phase.ROLLED_BACK))

    def let_go(self) -> None:
        """Keep nothing for a standby any more."""
        held = f"FROM pg_replication_slots WHERE slot_name = '{SLOT}'"
        self.source.wait("letting go of the slot", lambda: self._slot("active") in {None, "f"}, 30)
        self.source.ask(f"SELECT pg_drop_replication_slot(slot_name) {held}")

    def rehearse(self, file: Path) -> Course:
        """Take a copy of the old server on the new host, and carry the whole move out between that and its standby.

        Both lie beside the new server's files and are gone afterwards; so its host needs room for two more.
        """
        backup = prove_backup(self.source, file)
        with ExitStack() as copies:
            old_place, new_place = self.place.beside("rehearsal", 0), self.place.beside("rehearsal-standby", 1)
            for one in (old_place, new_place):
                one.clear()
                copies.callback(one.clear)
            old_place.fill(self.source.from_other, "")
            old_place.start()
            old, new = old_place.reached(self.target), new_place.reached(self.target)
            if fence.refuses(old):
                fence.open_(old)
            way = ByStandby(old, new, new_place, self.drain_seconds)
            return course_of(way, backup)

    def _drain(self) -> None:
        now = self.source.ask("SELECT pg_current_wal_flush_lsn()")
        replayed = f"SELECT pg_last_wal_replay_lsn() >= '{now}'"
        self.target.wait("replaying the rest", lambda: self.target.ask(replayed) == "t", self.drain_seconds)

    def _noted(self) -> Phase | None:
        noted = mark.read(self.target)
        return noted.phase if noted else None

    def _slot(self, column: str) -> str | None:
        return self.source.ask(f"SELECT {column} FROM pg_replication_slots WHERE slot_name = '{SLOT}'") or None

    def _recovers(self) -> bool | None:
        """Whether the new server follows somebody; None where no server answers."""
        try:
            return self.target.ask("SELECT pg_is_in_recovery()") == "t"
        except ProvinceError as error:
            if error.exit_code is ExitCode.UNREACHABLE:
                return None
            raise
