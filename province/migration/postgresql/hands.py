"""Hands for the move of one database, whichever way it goes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from province.errors import ProvinceError
from province.fleet.migration import Move, Phase
from province.migration.desk import Desk
from province.migration.gates import Measured
from province.migration.phases import FLOWS_BACK
from province.migration.postgresql import fence, mark
from province.migration.postgresql.compare import different, schema
from province.migration.postgresql.copy import Proved, take_away
from province.migration.postgresql.probe import failed
from province.migration.postgresql.rehearsal import prove_backup
from province.migration.postgresql.session import clock_offset_ms
from province.migration.postgresql.strayed import strayed
from province.migration.postgresql.way import Way
from province.migration.proofs import Backup, Rehearsal


@dataclass(frozen=True)
class DatabaseHands:
    """Acts on one pair of databases, and measures them."""

    way: Way
    desk: Desk

    def phase(self, _move: Move) -> Phase:
        """Where a move stands, asked of both sides."""
        noted = mark.read(self.way.notes)
        if noted is None:
            return Phase.DECLARED
        if noted.phase is Phase.ROLLED_BACK and fence.refuses(self.way.source):
            # A way back that was killed before the old side was opened.
            return Phase.FROZEN
        if noted.phase in {Phase.CUT_OVER, Phase.SOAKING, Phase.RETIRED, Phase.ROLLED_BACK}:
            return noted.phase
        if self.way.frozen():
            return Phase.FROZEN
        if not self.way.follows():
            return Phase.PROVISIONED
        return Phase.REHEARSED if noted.phase in {Phase.REHEARSED, Phase.FROZEN} else Phase.REPLICATING

    def measure(self, move: Move, wanted: Phase, /) -> Measured:
        """What both servers and the book of proofs say."""
        way = self.way
        seen = self.desk.proved(move)
        if wanted is Phase.REPLICATING:
            return seen.model_copy(update={"obstacles": way.obstacles()})
        if wanted is Phase.SOAKING:
            return seen.model_copy(update={"probes_failed": failed(way)})
        if wanted is Phase.RETIRED:
            noted = mark.read(way.notes)
            return seen.model_copy(update={"cut_over": noted.cut_over if noted else None})
        if wanted not in {Phase.REHEARSED, Phase.FROZEN, Phase.CUT_OVER}:
            return seen
        frozen = way.frozen()
        # While somebody writes, rows differ for the moment that they take to come over: only the schema is compared.
        wrong, compared = different(way.source, way.target) if frozen else (None, None)
        changes = {
            "lag_bytes": way.lag(),
            "schema_same": schema(way.source) == schema(way.target),
            "different": wrong,
            "compared": compared,
            "items": compared,
            "source_refuses_writes": frozen,
            "clock_offset_ms": max(clock_offset_ms(way.source), clock_offset_ms(way.target), key=abs),
        }
        return seen.model_copy(update=changes)

    def act(self, move: Move, wanted: Phase) -> None:
        """Bring a move to a phase."""
        way = self.way
        match wanted:
            case Phase.PROVISIONED:
                way.provision()
            case Phase.REPLICATING:
                way.replicate()
            case Phase.REHEARSED:
                mark.write(way.notes, mark.Mark(Phase.REHEARSED))
            case Phase.FROZEN:
                way.freeze()
            case Phase.CUT_OVER:
                way.cut_over()
            case Phase.SOAKING:
                mark.write(way.notes, replace(self._noted(move), phase=Phase.SOAKING))
            case Phase.RETIRED:
                self._retire(move)
            case Phase.ROLLED_BACK:
                self._roll_back(move)
            case _:
                raise ProvinceError(f"{move.id}: nobody carries out {wanted}", hint="nothing was changed")

    def written_since_cut_over(self, move: Move, /) -> int | None:
        """0 while both sides hold the same; how many else nobody counts, and where writes flow back nobody asks."""
        if move.method in FLOWS_BACK:
            return None
        return 0 if not different(self.way.source, self.way.target)[0] else None

    def strayed(self, _move: Move, /) -> int | None:
        """Rows that one side lacks or has otherwise, after the stream back was drained; None where there is none."""
        way = self.way
        if not way.flows_back():
            return None
        return strayed(way.source, way.target, lambda: _drained(way))

    def rehearse(self, move: Move) -> Rehearsal:
        """Carry a move out on copies beside both sides; the book keeps how it went, and the backup that it proved."""
        course = self.way.rehearse(self.desk.dump_of(move))
        self._keep(move, course.backup, final=False)
        proof = Rehearsal(
            time=self.desk.now(),
            wave=self.desk.wave,
            move=move.id,
            who=self.desk.who,
            items=course.rows,
            bytes=course.bytes,
            copy_seconds=course.copy_seconds,
            read_only_seconds=course.read_only_seconds,
            back_seconds=course.back_seconds,
            schema_same=course.schema_same,
            compared=course.compared,
            different=(*course.different, *(() if course.schema_same else ("schema",))),
        )
        self.desk.book.add(proof)
        return proof

    def backup(self, move: Move) -> Backup:
        """Dump the old side, restore that beside it, compare; the dump and its checksum are kept."""
        final = fence.refuses(self.way.source)
        return self._keep(move, prove_backup(self.way.source, self.desk.dump_of(move)), final=final)

    def _keep(self, move: Move, made: Proved, *, final: bool) -> Backup:
        proof = Backup(
            time=self.desk.now(),
            wave=self.desk.wave,
            move=move.id,
            who=self.desk.who,
            file=made.file.name,
            sha256=made.sha256,
            bytes=made.bytes,
            items=made.rows,
            compared=made.compared,
            different=made.different,
            dump_seconds=made.dump_seconds,
            restore_seconds=made.restore_seconds,
            final=final,
        )
        self.desk.book.add(proof)
        return proof

    def _retire(self, move: Move) -> None:
        """Take the streams away, wipe the old database, and write that down; killed in between, it goes on."""
        noted = self._noted(move)
        archive = self.desk.kept(move)
        if not noted.wiping:
            self.way.let_go()
            noted = replace(noted, wiping=self.way.source.ask("SELECT current_database()"))
            mark.write(self.way.notes, noted)
        take_away(self.way.source.other("postgres"), noted.wiping)
        self.desk.wiped(move, f"database {noted.wiping} of {move.host}", archive)
        mark.write(self.way.notes, replace(noted, phase=Phase.RETIRED))

    def _roll_back(self, move: Move) -> None:
        noted = mark.read(self.way.notes)
        if noted and noted.wiping:
            raise ProvinceError(
                f"{move.id}: the old side is being wiped, and nothing leads back to it",
                hint=f"province migrate advance {self.desk.wave} finishes that; the archive is kept",
            )
        self.way.roll_back()

    def _noted(self, move: Move) -> mark.Mark:
        noted = mark.read(self.way.notes)
        if noted is None or noted.cut_over is None:
            raise ProvinceError(
                f"{move.id}: the new side does not say when it was cut over",
                hint=f"the comment on its schema {fence.SCHEMA} was changed: the journal names the moment",
            )
        return noted


def _drained(way: Way) -> None:
    if not way.flows_back():
        raise ProvinceError(f"{way.target.conninfo}: the stream back is gone", hint="nothing was switched")
