"""Hands for moves by logical replication. What they cannot do they say; gates over what nobody measures stay shut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from province.errors import ExitCode, ProvinceError
from province.fleet.environment import Environment
from province.fleet.migration import Method, MigrationWave, Move, Phase
from province.migration.gates import Measured
from province.migration.postgresql import fence
from province.migration.postgresql.compare import different, obstacles, schema
from province.migration.postgresql.logical import THERE, Pair, has_stream
from province.migration.postgresql.server import Server

NOTE = f"SELECT coalesce(obj_description(to_regnamespace('{fence.SCHEMA}'), 'pg_namespace'), '')"


def pairs_of(environment: Environment, wave: MigrationWave, moves: Mapping[str, Move]) -> dict[str, Pair]:
    """Both databases of each move of a wave.

    Raises ProvinceError where the environment does not say how they are reached, or nobody has hands for the method.
    """
    unknown = [name for name in wave.moves if name not in environment.old_databases]
    if unknown:
        raise ProvinceError(
            f"environment {environment.id} does not say how the old side is reached: {', '.join(unknown)}",
            hint=f"name both databases under `old_databases` in {environment.id}/environment.yml; nothing was changed",
            exit_code=ExitCode.NOTHING_SELECTED,
        )
    other = [f"{name} ({moves[name].method})" for name in wave.moves if moves[name].method is not Method.LOGICAL]
    if other:
        raise ProvinceError(
            f"only {Method.LOGICAL} is carried out by now: {', '.join(other)}", hint="nothing was changed"
        )
    found = {}
    for name in wave.moves:
        reach = environment.old_databases[name]
        source = Server(reach.source, reach.source_from_target or reach.source)
        found[name] = Pair(source, Server(reach.target, reach.target_from_source or reach.target))
    return found


@dataclass(frozen=True)
class DatabaseHands:
    """Acts on pairs of databases; `approved_by` are the people whom the operator names, and the journal keeps."""

    pairs: Mapping[str, Pair]
    approved_by: tuple[str, ...] = ()

    def phase(self, move: Move) -> Phase:
        """Where a move stands, asked of both sides."""
        pair = self.pairs[move.id]
        if pair.target.ask(f"SELECT to_regnamespace('{fence.SCHEMA}') IS NULL") == "t":
            return Phase.DECLARED
        if pair.target.ask(NOTE) == Phase.ROLLED_BACK:
            return Phase.ROLLED_BACK
        frozen, waiting = fence.refuses(pair.source), fence.refuses(pair.target)
        if not waiting:
            return Phase.CUT_OVER
        if frozen:
            return Phase.FROZEN
        return Phase.REPLICATING if has_stream(pair.target, THERE) and pair.copied() else Phase.PROVISIONED

    def measure(self, move: Move, wanted: Phase, /) -> Measured:
        """What both servers say; rehearsals, restored backups and probes are nobody's to say here."""
        pair = self.pairs[move.id]
        seen = Measured(approved_by=self.approved_by)
        if wanted is Phase.REPLICATING:
            return seen.model_copy(update={"obstacles": obstacles(pair.source)})
        if wanted not in {Phase.REHEARSED, Phase.FROZEN, Phase.CUT_OVER}:
            return seen
        frozen = fence.refuses(pair.source)
        # While somebody writes, rows differ for the moment that they take to come over: only the schema is compared.
        wrong, compared = different(pair.source, pair.target) if frozen else (None, None)
        changes = {
            "lag_bytes": pair.lag(),
            "schema_same": schema(pair.source) == schema(pair.target),
            "different": wrong,
            "compared": compared,
            "items": compared,
            "source_refuses_writes": frozen,
        }
        return seen.model_copy(update=changes)

    def act(self, move: Move, wanted: Phase) -> None:
        """Bring a move to a phase."""
        pair = self.pairs[move.id]
        match wanted:
            case Phase.PROVISIONED:
                pair.provision()
            case Phase.REPLICATING:
                pair.replicate()
            case Phase.FROZEN:
                pair.freeze()
            case Phase.CUT_OVER:
                pair.cut_over()
            case Phase.ROLLED_BACK:
                pair.roll_back()
                pair.target.ask(f"COMMENT ON SCHEMA {fence.SCHEMA} IS '{Phase.ROLLED_BACK}'")
            case _:
                raise ProvinceError(f"{move.id}: nobody carries out {wanted} by now", hint="nothing was changed")

    def written_since_cut_over(self, _move: Move, /) -> int | None:
        """Nobody counts: writes of this method flow back."""
        return None
