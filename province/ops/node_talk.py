"""The controller's side of a transaction: apply, and confirm over a new connection what may have cut the host off."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from province.ops.node_wire import Answer, Contact, NodeTrouble, ask, request

GRACE = 60.0
"""Seconds within which a node whose time is up has put everything back."""
PAUSE = 2.0
"""Seconds between two tries to reach a node that a change has cut off."""
UNCONNECTED = ("ssh: connect to host", "ssh: Could not resolve", "Permission denied", "Host key verification failed")
"""What ssh says when there was no connection at all: then nothing can have begun."""


@dataclass(frozen=True)
class Wish:
    """What is to be applied: the digest of a manifest (or of the part of some capabilities), and how to make it.

    `lacks` is what the node said that it does not hold of it, when it was asked before (see `survey`).
    """

    digest: str
    manifest: Callable[[], object]
    only: tuple[str, ...] = ()
    reason: str = ""
    confirm_seconds: int = 300
    check: bool = False
    lacks: tuple[str, ...] = ()


@dataclass
class Result:
    """What became of it. `notes` are what an operator should know besides."""

    changes: list[str]
    diff: list[dict[str, str]] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    generation: int | None = None


def apply(contact: Contact, wish: Wish) -> Result:
    """Apply a wish on a node and see it confirmed.

    Raises NodeTrouble when the node could not, or has put everything back; ConnectionError when it is out of reach.
    """
    asked = request(
        "apply",
        digest=wish.digest,
        only=wish.only,
        check=wish.check,
        reason=wish.reason,
        confirm_seconds=wish.confirm_seconds,
    )
    try:
        answer = ask(contact, asked, wish.manifest, wish.lacks)
    except ConnectionError as error:
        if wish.check or any(text in str(error) for text in UNCONNECTED):
            raise
        answer = _after_the_cut(contact, asked)
    if answer.get("armed") is not None:
        _confirm(contact, asked, int(answer["armed"]))
    return result_of(answer)


def roll_back(contact: Contact, generation: int | None, reason: str, confirm_seconds: int) -> Answer:
    """Make an older generation's state the wanted one again; it is confirmed like any other change."""
    asked = request("rollback", generation=generation, reason=reason, confirm_seconds=confirm_seconds)
    answer = ask(contact, asked)
    if answer.get("armed") is not None:
        _confirm(contact, asked, int(answer["armed"]))
    return answer


def _confirm(contact: Contact, asked: dict[str, Any], generation: int) -> None:
    """Confirm over a new connection; a node that stays out of reach puts its old state back by itself."""
    contact.renew()
    _persist(contact, request("confirm", generation=generation), asked)


def _after_the_cut(contact: Contact, asked: dict[str, Any]) -> Answer:
    """The connection broke while the node was at work: ask it over a new one how it went on."""
    while True:
        contact.renew()
        status = _persist(contact, request("status"), asked)
        under_way = status["under_way"]
        if under_way is None:
            return _ended(status, asked)
        if under_way["controller"] != asked["controller"]:
            raise NodeTrouble(f"another transaction is at work on this host: {under_way['controller']}")
        if under_way["phase"] == "armed":
            return {"changes": under_way["changes"], "armed": under_way["generation"]}
        time.sleep(PAUSE)


def _ended(status: Answer, asked: dict[str, Any]) -> Answer:
    applied, put_back = status["applied"], status["put_back"]
    if put_back and put_back["controller"] == asked["controller"]:
        raise NodeTrouble(f"the connection broke; {put_back['why']}\neverything was put back at {put_back['time']}")
    if applied.get("controller") == asked["controller"] and applied.get("digest") == asked["digest"]:
        return {"changes": ["the connection broke on the way; the node went on to the end"]}
    raise NodeTrouble("the connection broke before the node began; nothing was changed")


def _persist(contact: Contact, asked: dict[str, Any], first: dict[str, Any]) -> Answer:
    """Ask until the node answers: for as long as it would wait, and until it has put everything back after that."""
    deadline = time.monotonic() + float(first["confirm_seconds"]) + GRACE
    while True:
        try:
            return ask(contact, asked)
        except ConnectionError as error:
            if time.monotonic() > deadline:
                raise NodeTrouble(
                    f"the node cannot be reached any more since the change; it puts everything back by itself\n{error}"
                ) from None
            contact.renew()
            time.sleep(PAUSE)


def result_of(answer: Answer) -> Result:
    """What a node told, for people."""
    notes = [f"stays: {text}" for text in answer.get("kept", [])]
    if answer.get("recovered"):
        notes.append(str(answer["recovered"]))
    if put_back := answer.get("put_back"):
        notes.append(f"put back at {put_back['time']}: {put_back['why']} (change by {put_back['controller']})")
    return Result(
        changes=list(answer["changes"]),
        diff=list(answer.get("diff", [])),
        foreign=list(answer.get("foreign", [])),
        notes=notes,
        generation=answer.get("armed"),
    )
