"""The verbs beside `apply`: confirm, go back, and tell what the host is."""

from __future__ import annotations

from typing import Any

from . import foreign, generations, guard, journal, recovery, store, transaction
from .node import Node, Trouble
from .plan import Order, look

Request = dict[str, Any]
Answer = dict[str, Any]

SHOWN = ("generation", "phase", "controller", "since", "reason", "confirm_seconds", "changes", "digest")


def confirm(node: Node, request: Request) -> Answer:
    """Make an armed transaction the good state."""
    with node.alone(request["controller"], patient=True):
        transaction.confirm(node, request["generation"], guard.reached_by(request))
    return {"confirmed": request["generation"]}


def rollback(node: Node, request: Request) -> Answer:
    """Put back what waits for its confirmation; else make an older generation's state the wanted one again."""
    with node.alone(request["controller"]):
        here = journal.read(node)
        if here is not None:
            return {"changes": here.changes, "put_back": recovery.put_back(node, here, "an operator wanted it back")}
        records = {record["generation"]: record for record in generations.good(node)}
        now = store.load(node, store.APPLIED).get("generation")
        older = [number for number in records if now is not None and number < now]
        number = request["generation"] or max(older, default=0)
        if number == now or number not in records:
            raise Trouble(f"no generation {number or 'before this one'} on this host; see `province node generations`")
        order = Order(
            sent=generations.manifest(node, number),
            controller=request["controller"],
            reason=request["reason"] or f"back to generation {number}",
            time=request["time"],
            confirm_seconds=request["confirm_seconds"],
            connection=guard.connection(),
        )
        outcome = transaction.converge(node, order)
    return {"changes": outcome.changes, "armed": outcome.armed, "to": number}


def status(node: Node, _: Request) -> Answer:
    """What the host is by its own account, without its controller: the last good state, and what differs from it."""
    held = generations.current(node)
    here = journal.read(node)
    applied = store.load(node, store.APPLIED)
    told: Answer = {
        "applied": {key: value for key, value in applied.items() if key not in ("packages", "changes")},
        "under_way": None if here is None else {key: getattr(here, key) for key in SHOWN},
        "put_back": store.load(node, store.OUTCOME),
        "differs": [],
        "foreign": [],
    }
    if held is not None:
        seen = look(node, Order(held, "", "", 0.0), held)
        whole = seen.target.whole
        told["differs"], told["foreign"] = seen.plan.what, foreign.look(node, [*whole.files, *whole.keys])
    return told


def kept(node: Node, _: Request) -> Answer:
    """The good states that it can go back to."""
    return {"generations": generations.good(node), "now": store.load(node, store.APPLIED).get("generation")}
