"""A move of an old machine room, small and of its own, and objects that are declared for it."""

from __future__ import annotations

from typing import Any

from infra.moves import Moving
from province.fleet.fact import Names
from province.fleet.migration import Method, MigrationWave, Move, Phase, Treatment, Trigger
from province.fleet.system import DataClass, Exposure, Pillar, State, System
from province.fleet.tier import TierId
from province.migration.declared import declared

Body = dict[str, Any]

MOVING = Moving(
    Move(
        id="old",
        system="room",
        site="old-room",
        host="files",
        treatment=Treatment.REHOST,
        method=Method.FILES,
        size_gib=1,
        group="old",
        trigger=Trigger(what="errors", over=0, unit="requests", minutes=0, source="A"),
        source="A",
    ),
    MigrationWave(
        id=1, name=Names(vi="Cũ", en="Old"), after=(), moves=("old",), windows=(), phase=Phase.FROZEN, source="A"
    ),
    System(
        id="room",
        name=Names(vi="Phòng", en="Room"),
        owner="office",
        tier=TierId.B,
        level=3,
        data=DataClass.INTERNAL,
        pillar=Pillar.GOVERNMENT,
        exposure=Exposure.NONE,
        state=State.RUNNING,
        features=(),
        components={},
    ),
    "here",
    declared(Phase.FROZEN, Method.FILES),
)
"""A folder of an old machine room on its way into the room of the examples."""


def moved(body: Body, annotations: dict[str, str] | None = None) -> Body:
    """The object as one of the move."""
    words = {"move": MOVING.move.id, "wave": str(MOVING.wave.id), "phase": MOVING.wave.phase.value}
    labels = {f"province.example/{word}": value for word, value in words.items()}
    name = {"name": MOVING.move.id, "labels": labels, **({"annotations": annotations} if annotations else {})}
    return {**body, "metadata": {**body["metadata"], **name}}


def keeping(spec: Body) -> Body:
    """A pod that mounts the volume of the move, and may not write to it."""
    container = {**spec["containers"][0], "volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": True}]}
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": MOVING.move.id}}
    return {**spec, "volumes": [volume], "containers": [container]}
