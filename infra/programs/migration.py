"""Layer `migration`: what each move of an old machine room has here in the phase that its wave may go as far as.

Nothing here waits and nothing here moves data: the conductor does (`province migrate`), between two runs of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from infra.cluster import Cluster
from infra.components.database import databases
from infra.components.move_passages import MovePassages, reached
from infra.components.move_record import MoveRecord
from infra.components.move_volume import MoveVolume
from infra.components.system_namespace import SystemNamespace
from infra.moves import Moving, moves_of
from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.layer import MIGRATION
from province.fleet.migration import Method
from province.migration.declared import Store

IN_DATABASES = frozenset({Method.LOGICAL, Method.DUMP})
"""Methods whose data arrive in a database of the system's own."""


def declare(fleet: Fleet, cluster: Cluster) -> None:
    """Declare the room of the move with a record of each, and at their site the volumes and passages of each.

    Raises ProvinceError when a wave may go on for which there is no place here.
    """
    moves = moves_of(fleet).values()
    here = [one for one in moves if one.site == cluster.site.id]
    if lacking := list(_lacking(here, fleet, cluster)):
        raise ProvinceError(
            "nothing can move in yet:\n" + "\n".join(f"  {one}" for one in lacking),
            hint="nothing was changed; give the site what lacks, or let the wave go no further than declared",
            exit_code=ExitCode.BAD_DATA,
        )
    for part in fleet.rooms_at(cluster.site, MIGRATION):
        room = SystemNamespace(part, fleet=fleet, cluster=cluster)
        for one in moves:
            MoveRecord(one, room=room, fleet=fleet, cluster=cluster)
    for one in here:
        if one.declared.has_volume:
            MoveVolume(one, fleet=fleet, cluster=cluster)
        if one.declared.ways and reached(one, fleet):
            MovePassages(one, fleet=fleet, cluster=cluster)


def _lacking(moves: Iterable[Moving], fleet: Fleet, cluster: Cluster) -> Iterator[str]:
    for one in moves:
        into_database = one.declared.store is Store.OWN and one.move.method in IN_DATABASES
        if into_database and not databases(one.room, fleet.tiers[one.room.tier], cluster.site):
            yield (
                f"{fleet.origins[f'migration-waves/{one.wave.id}']}, {one.wave.id}.phase: {one.wave.phase}, but "
                f"{one.room.id} has no database at {cluster.site.id} (`backup_store`, `provides`) for {one.move.id}"
            )
