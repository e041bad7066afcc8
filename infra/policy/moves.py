"""Rules about what is declared for moves of old machine rooms: one side takes writes, ways are open, stores stay.

What a phase says of a move stands in `province.migration`; here the objects are held against it, whoever made them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from infra.moves import MOVE, PHASE, SITE, WAVE
from infra.policy import cel
from infra.policy.ground import Ground
from infra.policy.record import Declared, of_kind
from infra.policy.rule import Admission, Demand, Fault, Resources, Rule
from province.fleet.migration import Phase
from province.migration.declared import Way
from province.migration.phases import Writes

CLAIMS = Resources("", "v1", ("persistentvolumeclaims",))
RECORD = "ConfigMap"
SIDES: Mapping[str, tuple[Way, str]] = {"Egress": (Way.TO_OLD, "to"), "Ingress": (Way.FROM_OLD, "from")}
"""Which way a direction of a network policy opens, and the key under which it names its peers."""


def _marked(objects: Sequence[Declared], ground: Ground) -> Iterator[Fault]:
    for one in objects:
        named = one.labels.get(ground.words.key(MOVE))
        if named is None:
            continue
        move = ground.move_of(one)
        if move is None:
            yield Fault(one, f"is of the move {named}, which nobody declared", "add it to migration/moves.yml")
            continue
        for word, wanted in ((WAVE, str(move.wave.id)), (PHASE, move.wave.phase.value)):
            found = one.labels.get(ground.words.key(word))
            if found != wanted:
                yield Fault(one, f"says {word} {found}, and the model {wanted}", "take the move's marks")


def _fenced(objects: Sequence[Declared], ground: Ground) -> Iterator[Fault]:
    """Over all pods, whoever declares them: one that mounts the volume of a move (its claim has the move's name)."""
    shut = {(move.room.id, id_) for id_, move in ground.moves.items() if move.declared.target.writes is Writes.REFUSES}
    for one in objects:
        volumes = (one.pod or {}).get("volumes") or ()
        held = {
            volume["name"]
            for volume in volumes
            if (one.namespace, (volume.get("persistentVolumeClaim") or {}).get("claimName")) in shut
            and not volume["persistentVolumeClaim"].get("readOnly")
        }
        for container in one.containers:
            for mount in container.get("volumeMounts") or ():
                if mount["name"] in held and not mount.get("readOnly"):
                    problem = f"container {container['name']} may write into a move whose old side takes the writes"
                    yield Fault(one, problem, "mount it with `readOnly: true` until the cut-over")


def _passing(objects: Sequence[Declared], ground: Ground) -> Iterator[Fault]:
    for one in of_kind(objects, "NetworkPolicy"):
        move = ground.move_of(one)
        if move is None:
            continue
        for direction, (way, key) in SIDES.items():
            opened = one.spec.get(direction.lower()) or ()
            if opened and way not in move.declared.ways:
                problem = f"opens the way {way} of {move.move.id}, which is {move.wave.phase}"
                yield Fault(one, problem, "take it away: nothing flows there in this phase")
            if not all(_is_one_end(entry, key) for entry in opened):
                yield Fault(one, f"opens more than one host and port of the old side ({direction})", "name the one")


def _is_one_end(entry: Mapping[str, Any], key: str) -> bool:
    """Whether an entry of a policy names one address and one port."""
    peers, ports = entry.get(key) or [], entry.get("ports") or []
    blocks = [peer.get("ipBlock") for peer in peers]
    alone = len(blocks) == 1 and blocks[0] is not None and ip_network(blocks[0]["cidr"]).num_addresses == 1
    return alone and len(ports) == 1 and "port" in ports[0] and "endPort" not in ports[0]


def _stored(objects: Sequence[Declared], ground: Ground) -> Iterator[Fault]:
    """The stack that keeps the record of a move keeps its volume, too, at the site to which it moves."""
    claims = {(one.namespace, one.name): one for one in of_kind(objects, "PersistentVolumeClaim")}
    for record in of_kind(objects, RECORD):
        move = ground.move_of(record)
        if move is None or not move.declared.has_volume or record.annotations.get(ground.words.key(SITE)) != move.site:
            continue
        claim = claims.get((move.room.id, move.move.id))
        if claim is None:
            problem = f"{move.move.id} is {move.wave.phase}, and its volume is not declared"
            yield Fault(record, problem, "declare it: a store goes only when people say so")
        elif claim.spec.get("storageClassName") != move.storage_class:
            found = claim.spec.get("storageClassName")
            yield Fault(claim, f"stores in class {found}, not in {move.storage_class}", "name its room's class")


def _stored_demands(ground: Ground) -> list[Demand]:
    is_over = f"{cel.label(ground.words.key(PHASE), 'oldObject')} == {cel.text(Phase.RETIRED)}"
    return [Demand(is_over, "the volume is of a move that is not retired")]


def _is_of_a_move(ground: Ground) -> Mapping[str, str]:
    return {"is-of-a-move": f"{cel.label(ground.words.key(MOVE), 'oldObject')} != ''"}


MARKED = Rule(
    "marked",
    "what is declared for a move says which one and how far it may go, or nobody finds it when it has to go back",
    "rule of this project (docs/adr/0038)",
    "A",
    _marked,
    alone=True,
)
FENCED = Rule(
    "fenced",
    "at no moment do both sides of a move take writes: what one of them took would be lost",
    "rule of this project (docs/adr/0030)",
    "A",
    _fenced,
    alone=True,
)
PASSING = Rule(
    "passing",
    "a way to an old machine room is open to one host and port, and as long as changes flow there",
    "Decree 331/2026, Art. 30.8: access between systems is controlled",
    "R1",
    _passing,
    alone=True,
)
STORED = Rule(
    "stored",
    "until a move is retired there is a way back, and it needs what the new side took",
    "rule of this project (docs/adr/0030)",
    "A",
    _stored,
    alone=False,
    admission=Admission((CLAIMS,), _stored_demands, operations=("DELETE",), when=_is_of_a_move),
)
