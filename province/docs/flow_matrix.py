"""Who may talk to whom, why, and at which port: everything that is not in it is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from province.docs.flow_rows import FlowRow, Place
from province.docs.page import NOTHING, code, page, table
from province.docs.pictures import group_of
from province.docs.systems import arrival
from province.fleet.system import EndKind

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet

OTHERS = "systems of others"


def matrix_page(fleet: Fleet, rows: tuple[FlowRow, ...]) -> str:
    """How many flows there are between groups, then each flow that leaves its system, then those inside of one."""
    crossing = [row for row in rows if row.crosses]
    inside = [row for row in rows if not row.crosses]
    unconfirmed = {
        row.target.name
        for row in rows
        if row.target.kind is EndKind.EXTERNAL and not fleet.endpoints[row.target.name].fit_for_production
    }
    said = (
        f"{len(rows)} flows, {len(crossing)} of them between systems or across the edge of the province. Clusters "
        "refuse every other connection: their network policies are made from these same flows "
        "(`province/fleet/connections.py`). Users of HTTP come through the entrance of a site, so what they see is its "
        f"port. {len(unconfirmed)} endpoints of others are not confirmed by those who run them, and `province check "
        "--ready` says so. A planned system has no room yet, so nothing of it is open."
    )
    return page(
        "Flow matrix",
        [said],
        ["## Between groups", *_matrix(fleet, crossing)],
        ["## Across the edges of systems", *_list(crossing)],
        ["## Inside one system", *_list(inside)],
    )


def _matrix(fleet: Fleet, rows: Iterable[FlowRow]) -> list[str]:
    counts = Counter((_group(fleet, row.origin), _group(fleet, row.target)) for row in rows)
    targets = sorted({target for _, target in counts})
    origins = sorted({origin for origin, _ in counts})
    lines = ((origin, *(counts[origin, one] or NOTHING for one in targets)) for origin in origins)
    return table(("opened by \\ to", *targets), lines)


def _group(fleet: Fleet, end: Place) -> str:
    if end.kind is EndKind.EXTERNAL:
        return OTHERS
    return f"zone {end.name}" if end.kind is EndKind.ZONE else group_of(fleet, end.name)


def _list(rows: Iterable[FlowRow]) -> list[str]:
    return table(
        ("opened by", "to", "by", "why", "declared in the file of"),
        ((code(row.origin.text), code(row.target.text), arrival(row), row.why, row.declared_by) for row in rows),
    )
