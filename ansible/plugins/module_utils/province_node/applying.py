"""The verb `apply`: compare, and carry out what differs. A host that is as it shall be loads no more than this."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from . import foreign, generations, guard, journal, store, wanted
from .bootstrap import HOME
from .node import Node
from .plan import Order, look

Request = dict[str, Any]
Answer = dict[str, Any]


def apply(node: Node, request: Request) -> Answer:
    """Compare or converge; the manifest itself is only asked for when the node does not hold the one of that digest."""
    if request["check"]:
        return _compare(node, request)
    with node.alone(request["controller"]):
        return _converge(node, request)


def compare(node: Node, request: Request) -> Answer:
    """Whether the host is as it shall be, so that its turn can be left out.

    Nothing differs, nothing waits, and what runs at boot and by the timer is the code that the request names.
    """
    told = _compare(node, request)
    in_use = node.path(f"{HOME}/current")
    ours = in_use.is_symlink() and in_use.readlink().name == request["code"]
    return {**told, "good": told.get("changes") == [] and journal.read(node) is None and ours}


def _compare(node: Node, request: Request) -> Answer:
    held = generations.current(node)
    order = _order(held, request)
    if order is None:
        return {"need": ["manifest"]}
    seen = look(node, order, held)
    return _told(node, seen.target.whole, seen.plan.what, seen.plan.diff(), seen.plan.retired.kept)


def _converge(node: Node, request: Request) -> Answer:
    held = generations.current(node)
    order = _order(held, request)
    if order is None:
        return {"need": ["manifest"]}
    seen = look(node, order, held) if journal.read(node) is None else None
    if seen is not None and seen.is_good:
        return {**_told(node, seen.target.whole, [], [], seen.plan.retired.kept), "recovered": "", "armed": None}
    transaction: Any = import_module(f"{__package__}.transaction")
    done = transaction.carry_out(node, seen) if seen is not None else transaction.converge(node, order)
    told = _told(node, done.whole, done.changes, done.diff, done.kept)
    return {**told, "recovered": done.recovered, "armed": done.armed}


def _order(held: wanted.Manifest | None, request: Request) -> Order | None:
    """What is asked for; None if it is neither sent nor held."""
    sent = request.get("manifest")
    if sent is None and held is not None:
        part = wanted.part_of(held, request["only"])
        sent = part if wanted.digest(part) == request["digest"] else None
    if sent is None:
        return None
    return Order(
        sent=sent,
        controller=request["controller"],
        reason=request["reason"],
        time=request["time"],
        only=request["only"],
        confirm_seconds=request["confirm_seconds"],
        connection=guard.reached_by(request),
    )


def _told(node: Node, whole: wanted.Wanted, changes: list[str], diff: list[Any], kept: list[str]) -> Answer:
    put_back = store.load(node, store.OUTCOME)
    strange = foreign.look(node, [*whole.files, *whole.keys])
    return {"changes": changes, "diff": diff, "kept": kept, "foreign": strange, "put_back": put_back}
