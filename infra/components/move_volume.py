"""A volume for what moves as files, and the pod that keeps it where it is."""

from __future__ import annotations

import math
from typing import Any

import pulumi

from infra.cluster import Cluster
from infra.components import platform_pods as pods
from infra.components.priority_classes import priority_class
from infra.components.runtime_class import RUNTIME
from infra.marks import COMPONENT
from infra.moves import Moving, marks_of_move
from infra.objects import UNAWAITED, Kind, Objects
from infra.quantity import KIBI, cpu, memory
from province.fleet.fleet import Fleet
from province.migration.phases import Writes
from province.toolchain import pins

KEEPER = "pause"
"""The image that does nothing: files are brought by the hands of the move, over the node."""
PLACE = "/data"
VOLUME = "moved"
KEEPER_MILLICORES, KEEPER_MIB = 10, 16


class MoveVolume(pulumi.ComponentResource):
    """The volume of one move, in the room of its system, from the day on which it is provisioned.

    A volume is made when a pod first asks for it, and lies on that pod's node: so a pod keeps it. Pods write to it only
    once the new side takes writes; until then it is mounted read-only (rule `fenced`). It is protected and, once
    unprotected, retained: no way back and no retirement takes away what was stored.
    """

    def __init__(self, one: Moving, *, fleet: Fleet, cluster: Cluster) -> None:
        super().__init__("province:migration:MoveVolume", f"{one.move.id}/volume", None, cluster.options)
        objects = Objects(one.room.id, marks_of_move(one, fleet), self)
        mark = {COMPONENT: one.move.id}
        claim = objects.make(
            Kind.CLAIM,
            one.move.id,
            _claim(one),
            labels=mark,
            annotations=UNAWAITED,
            options=pulumi.ResourceOptions(protect=True, retain_on_delete=True),
        )
        objects.make(
            Kind.DEPLOYMENT, one.move.id, _keeper(one), labels=mark, options=pulumi.ResourceOptions(depends_on=[claim])
        )
        self.register_outputs({})


def _claim(one: Moving) -> dict[str, Any]:
    storage = memory(math.ceil(one.move.size_gib) * KIBI)
    return {
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": one.storage_class,
            "resources": {"requests": {"storage": storage}},
        }
    }


def _keeper(one: Moving) -> dict[str, Any]:
    labels = pods.selector(one.room, one.move.id)
    own = {"cpu": cpu(KEEPER_MILLICORES), "memory": memory(KEEPER_MIB)}
    shut = one.declared.target.writes is Writes.REFUSES
    pod = {
        "automountServiceAccountToken": False,
        "priorityClassName": priority_class(one.room.tier),
        "runtimeClassName": RUNTIME,
        "securityContext": pods.AS_NOBODY,
        "volumes": [{"name": VOLUME, "persistentVolumeClaim": {"claimName": one.move.id}}],
        "containers": [
            {
                "name": "keeper",
                "image": pins.load().reference(KEEPER),
                "imagePullPolicy": "IfNotPresent",
                "resources": {"requests": own, "limits": own},
                "securityContext": pods.NO_RIGHTS,
                "volumeMounts": [{"name": VOLUME, "mountPath": PLACE, **({"readOnly": True} if shut else {})}],
            }
        ],
    }
    return {
        "spec": {
            "replicas": 1,
            # One at a time: its volume is mounted by one node alone.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        }
    }
