"""Where the node's code is entered: by a controller's request, by the boot unit, by the timer."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from typing import Any

from . import foreign, generations, guard, journal, ledger, recovery, store, transaction, wanted
from .node import Node, Trouble
from .plan import Order, Target, aim, compare

Request = dict[str, Any]
Answer = dict[str, Any]


def answer(request: Request, node: Node | None = None) -> Answer:
    """Do what a request asks; `trouble` says why it could not be done, `need` what has to be sent along for it."""
    host = node or Node()
    # The transaction goes on to its end when the connection is cut: it may well be what cuts it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        return VERBS[request["verb"]](host, request)
    except Trouble as trouble:
        return {"trouble": str(trouble)}
    except OSError as error:
        return {"trouble": f"{error.filename}: {error.strerror}"}


def main(arguments: list[str]) -> int:
    """`recover` and `watch` at boot, `revert GENERATION` when the timer has run out; the system's log hears of it."""
    node = Node()
    try:
        with node.alone(" ".join(arguments), patient=True):
            if arguments[0] == "recover":
                said = recovery.at_boot(node)
            elif arguments[0] == "watch":
                said = recovery.watch(node)
            else:
                said = recovery.when_time_is_up(node, int(arguments[1]))
    except (Trouble, OSError) as trouble:
        sys.stderr.write(f"{trouble}; the next run tries again\n")
        return 1
    sys.stdout.write(f"{said}\n" if said else "")
    return 0


def _apply(node: Node, request: Request) -> Answer:
    """Compare or converge; the manifest itself is only asked for when the node does not hold the one of that digest."""
    sent = request.get("manifest") or _held(node, request)
    if sent is None:
        return {"need": ["manifest"]}
    order = Order(
        sent=sent,
        controller=request["controller"],
        reason=request["reason"],
        time=request["time"],
        only=request["only"],
        confirm_seconds=request["confirm_seconds"],
        connection=guard.connection(),
    )
    if request["check"]:
        target = aim(node, order)
        plan = compare(node, target, ledger.Ledger(node))
        return _told(node, target.whole, plan.what, plan.diff(), plan.retired.kept)
    with node.alone(order.controller):
        outcome = transaction.converge(node, order)
        whole = wanted.read(aim(node, order).manifest)
        told = _told(node, whole, outcome.changes, outcome.diff, outcome.kept)
    return {**told, "recovered": outcome.recovered, "armed": outcome.armed}


def _confirm(node: Node, request: Request) -> Answer:
    with node.alone(request["controller"], patient=True):
        transaction.confirm(node, request["generation"], guard.connection())
    return {"confirmed": request["generation"]}


def _rollback(node: Node, request: Request) -> Answer:
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


def _status(node: Node, _: Request) -> Answer:
    """What the host is by its own account, without its controller: the last good state, and what differs from it."""
    held = generations.current(node)
    here = journal.read(node)
    applied = store.load(node, store.APPLIED)
    status: Answer = {
        "applied": {key: value for key, value in applied.items() if key not in ("packages", "changes")},
        "under_way": None if here is None else {key: getattr(here, key) for key in SHOWN},
        "put_back": store.load(node, store.OUTCOME),
        "differs": [],
        "foreign": [],
    }
    if held is not None:
        target = Target(Order(held, "", "", 0.0), held)
        plan = compare(node, target, ledger.Ledger(node))
        status["differs"], status["foreign"] = plan.what, foreign.look(node, [*target.whole.files, *target.whole.keys])
    return status


def _generations(node: Node, _: Request) -> Answer:
    return {"generations": generations.good(node), "now": store.load(node, store.APPLIED).get("generation")}


def _held(node: Node, request: Request) -> wanted.Manifest | None:
    """What the node holds under the digest that the controller names."""
    held = generations.current(node)
    if held is None:
        return None
    part = wanted.part_of(held, request["only"]) if request["only"] else held
    return part if wanted.digest(part) == request["digest"] else None


def _told(node: Node, whole: wanted.Wanted, changes: list[str], diff: list[Any], kept: list[str]) -> Answer:
    put_back = store.load(node, store.OUTCOME)
    strange = foreign.look(node, [*whole.files, *whole.keys])
    return {"changes": changes, "diff": diff, "kept": kept, "foreign": strange, "put_back": put_back}


SHOWN = ("generation", "phase", "controller", "since", "reason", "confirm_seconds", "changes", "digest")
VERBS: dict[str, Callable[[Node, Request], Answer]] = {
    "apply": _apply,
    "confirm": _confirm,
    "rollback": _rollback,
    "status": _status,
    "generations": _generations,
}


def read_answer(request: Request) -> None:
    """Answer a request on standard output, as JSON."""
    sys.stdout.write(json.dumps(answer(request), ensure_ascii=False))
