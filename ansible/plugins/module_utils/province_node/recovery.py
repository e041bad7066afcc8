"""What becomes of a transaction that did not come to its end: at once, at the next boot, or at the next run."""

from __future__ import annotations

from . import generations, guard, journal, packages, store, undo
from .journal import Journal
from .node import Node, Trouble
from .wanted import read


def put_back(node: Node, here: Journal, why: str, booting: bool = False) -> str:
    """Make everything what it was before a transaction, and write down why; returns that in words.

    What systemd refuses on the way back stops nothing, but is said and written down.
    """
    node.step("put back")
    complaint = ""
    try:
        undo.Undo(node, here).restore(booting)
    except Trouble as trouble:
        complaint = f"\non the way back:\n{trouble}"
    told = {"time": journal.now(), "why": why + complaint, "booting": booting}
    about = {key: getattr(here, key) for key in ("generation", "digest", "controller", "since", "reason")}
    node.step("outcome")
    store.save(node, store.OUTCOME, {**told, **about})
    journal.forget(node)
    guard.disarm(node, here)
    generations.discard(node, here.generation)
    return f"{why}\neverything was put back{complaint}"


def write_down(node: Node, here: Journal) -> None:
    """A transaction is committed: make that the state which the host remembers."""
    guard.disarm(node, here)
    whole = read(generations.manifest(node, here.generation))
    there = packages.versions(node)
    record = journal.record(here, {name: there[name] for name in whole.packages if name in there})
    generations.finish(node, record)
    node.step("applied")
    store.save(node, store.APPLIED, record, 0o644)
    store.forget(node, store.OUTCOME)


def at_boot(node: Node) -> str:
    """Early after a power cut: armed stays for `watch`, committed is written down, anything else goes back."""
    here = journal.read(node)
    if here is None:
        return ""
    if here.phase == journal.ARMED:
        return f"generation {here.generation} still waits for its confirmation"
    if here.phase == journal.COMMITTED:
        write_down(node, here)
        journal.forget(node)
        return f"generation {here.generation} was confirmed and is now written down"
    return put_back(node, here, "the host stopped in the middle of the change", booting=True)


def watch(node: Node) -> str:
    """Later in the boot, when timers can run: what is armed gets its full time anew."""
    here = journal.read(node)
    if here is None or here.phase != journal.ARMED:
        return ""
    guard.arm(node, here)
    return f"generation {here.generation} is put back unless it is confirmed within {here.confirm_seconds} s"


def before_next(node: Node, controller: str) -> str:
    """What the next run finds: nobody is at work, so what is not armed by somebody else has been given up."""
    here = journal.read(node)
    if here is None:
        return ""
    if here.phase == journal.ARMED and here.controller != controller:
        raise Trouble(
            f"a change by {here.controller}, begun {here.since}, still waits for its confirmation; it is confirmed or"
            f" put back within {here.confirm_seconds} s"
        )
    if here.phase == journal.COMMITTED:
        write_down(node, here)
        journal.forget(node)
        return f"generation {here.generation}, which was cut short after it was confirmed, is now written down"
    if here.phase == journal.ARMED:
        return put_back(node, here, "its controller began anew without confirming it")
    return put_back(node, here, "the change was cut short")


def when_time_is_up(node: Node, generation: int) -> str:
    """The timer has run out: unless it was confirmed meanwhile, the transaction goes back."""
    here = journal.read(node)
    if here is None or here.generation != generation or here.phase == journal.COMMITTED:
        return ""
    return put_back(node, here, f"nobody confirmed it over a new connection within {here.confirm_seconds} s")
