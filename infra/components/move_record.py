"""Where a move of an old machine room is by now, as `kubectl get configmap --selector` shows it."""

from __future__ import annotations

import pulumi

from infra.cluster import Cluster
from infra.components.system_namespace import SystemNamespace
from infra.marks import vocabulary
from infra.moves import SITE, Moving, marks_of_move
from infra.objects import Kind, Objects
from province.fleet.fleet import Fleet

SERVES = "serves"
"""The word for the label that says whom users reach: the old side or the new one."""


class MoveRecord(pulumi.ComponentResource):
    """The record of one move, in every phase and at every site, so that the loss of a site loses no account of it.

    It says what the model lets the wave do; where both sides stand is asked of them (`province migrate status`).
    """

    def __init__(self, one: Moving, *, room: SystemNamespace, fleet: Fleet, cluster: Cluster) -> None:
        parent = pulumi.ResourceOptions(parent=room.namespace)
        super().__init__("province:migration:MoveRecord", f"{one.move.id}/record", None, parent)
        objects = Objects(room.system.id, marks_of_move(one, fleet, room.system), self)
        words = vocabulary(fleet)
        objects.make(
            Kind.CONFIG_MAP,
            one.move.id,
            {"data": _said(one)},
            labels={words.key(SERVES): "new" if one.declared.target.serves else "old"},
            annotations={words.key(SITE): cluster.site.id},
        )
        self.register_outputs({})


def _said(one: Moving) -> dict[str, str]:
    target = one.declared.target
    return {
        "from": f"{one.move.host} of {one.move.site}",
        "to": f"{one.move.system or 'archive'} at {one.site}",
        "method": one.move.method.value,
        "stored-in": one.declared.store.value,
        "new-side-and-writes": target.writes.value,
        "changes-flow": target.stream.value,
        "passages": " ".join(sorted(one.declared.ways)) or "none",
        "needs": " ".join(one.move.needs) or "nothing",
    }
