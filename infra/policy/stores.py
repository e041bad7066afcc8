"""The rule about rooms of level 3 and above: nothing of another system in them, and volumes of a class of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from infra.components.storage_classes import OWN_CLASS
from infra.marks import PART_OF
from infra.policy import cel
from infra.policy.ground import Ground
from infra.policy.record import Declared, of_kind
from infra.policy.rule import Admission, Demand, Fault, Resources, Rule
from province.fleet.system import LEVEL_OF_THE_PROVINCE

LOWER_LEVELS = tuple(str(level) for level in range(1, LEVEL_OF_THE_PROVINCE))
"""What a room says that may share its storage; one that says nothing may not."""

CLAIMS = Resources("", "v1", ("persistentvolumeclaims",))
SETS = Resources("apps", "v1", ("statefulsets",))
DATABASES = Resources("postgresql.cnpg.io", "v1", ("clusters",))


def _isolated(objects: Sequence[Declared], ground: Ground) -> Iterator[Fault]:
    rooms = {one.name: one for one in of_kind(objects, "Namespace")}
    for one in objects:
        room = rooms.get(one.namespace)
        if room is None:
            continue
        owner = one.labels.get(PART_OF)
        if owner not in {None, room.name}:
            yield Fault(one, f"belongs to {owner}, but stands in the room of {room.name}", "give it its own room")
        strict = room.labels.get(ground.words.key("level")) not in LOWER_LEVELS
        for found in _classes(one):
            own = f"{OWN_CLASS}{room.name}"
            if strict and found != own:
                yield Fault(one, f"stores in class {found or 'of nobody'}, not in {own}", f"name the class {own}")
            if not strict and str(found).startswith(OWN_CLASS):
                yield Fault(one, f"stores in class {found}, which is another system's", "name the shared class")


def _classes(one: Declared) -> list[str | None]:
    """The storage classes that an object asks for; None where it leaves the choice to the cluster."""
    if one.kind == "PersistentVolumeClaim":
        return [one.spec.get("storageClassName")]
    if one.kind == "StatefulSet":
        return [claim.get("spec", {}).get("storageClassName") for claim in one.spec.get("volumeClaimTemplates") or ()]
    if one.kind == "Cluster" and "storage" in one.spec:
        return [one.spec["storage"].get("storageClass")]
    return []


def _isolated_demands(ground: Ground) -> list[Demand]:
    level = cel.label(ground.words.key("level"), "namespaceObject")
    strict = f"!({level} in {cel.texts(LOWER_LEVELS)})"
    own = f"{cel.text(OWN_CLASS)} + namespaceObject.metadata.name"
    return [
        Demand(
            f"!({strict}) || variables.classes.all(c, c == {own})",
            f"a volume of a system of level {LEVEL_OF_THE_PROVINCE} or above is not of the system's own storage class",
        ),
        Demand(
            f"{strict} || !variables.classes.exists(c, c.startsWith({cel.text(OWN_CLASS)}))",
            "a volume is of another system's storage class",
        ),
    ]


CLASSES = (
    "object.kind == 'PersistentVolumeClaim' ? [dyn(object).spec.?storageClassName.orValue('')] : "
    "object.kind == 'StatefulSet' ? dyn(object).spec.?volumeClaimTemplates.orValue([])"
    ".map(t, t.spec.?storageClassName.orValue('')) : [dyn(object).spec.?storage.?storageClass.orValue('')]"
)

ISOLATED = Rule(
    "isolated",
    "systems of level 3 and above are kept apart: each in a namespace, behind doors and on storage of its own",
    "Decree 331/2026, Art. 30.8",
    "R1",
    _isolated,
    alone=False,
    admission=Admission((CLAIMS, SETS, DATABASES), _isolated_demands, {"classes": CLASSES}),
)
