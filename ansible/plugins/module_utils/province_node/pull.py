"""A node fetches its own bundle, and applies it by the same transaction as ever when its controller is away.

Nothing a door gives is believed for the door's sake: the signature, the host, the number and the times decide
(`bundles`). A controller that was here lately, or at work, comes first. What may cut the node off is confirmed by the
node itself over a new connection to a site; without one the timer puts it back, as it does for every controller.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from . import bundles, contact, journal, store
from .bootstrap import HOME
from .bundles import Away, Bundle, Refused
from .node import Node, Trouble

PLAN = "/etc/province-pull/plan.json"
MEMORY = f"{store.FOLDER}/pulled.json"
"""What became of the last try, and the newest number that was ever believed. Nothing in it is secret."""
TRIES = 3
"""So often a bundle is tried that could not be applied; a power cut in the middle counts."""
PAUSE = 5.0
ENTER = "import sys;exec(open(sys.argv[1]).read());main()"
"""What a controller's request runs, but that the first program is the node's own copy."""
BAD = ("refused", "failed", "unconfirmed")
"""How a try ends that somebody has to look at."""

Ask = Callable[[dict[str, Any]], dict[str, Any]]
"""A request → the answer, as a controller gets it."""


class Told(NamedTuple):
    """How a try ended: applied, unchanged, waits, none, away, refused, failed or unconfirmed; and why."""

    state: str
    why: str


def main(node: Node) -> int:
    """Try once; the exit code is that of somebody who has to be looked at."""
    told = pull(node, _as_a_controller)
    sys.stdout.write(f"{told.state}: {told.why}\n")
    return int(told.state in BAD)


def pull(node: Node, ask: Ask) -> Told:
    """Fetch, judge, apply, and write down what became of it."""
    plan = json.loads(node.read(PLAN))
    memory = store.load(node, MEMORY)
    now = time.time()
    told = _found(node, plan, memory, now, ask)
    memory |= {"state": told.state, "why": told.why, "time": now, "latest": max(now, memory.get("latest", 0))}
    if told.state != "away":
        memory["answered"] = now
    store.save(node, MEMORY, memory, 0o644)
    return told


def _found(node: Node, plan: dict[str, Any], memory: dict[str, Any], now: float, ask: Ask) -> Told:
    """The first bundle that is believed decides; a site that is behind, or lies, does not stand in the other's way."""
    if now + bundles.CLOCK_S < memory.get("latest", 0):
        return Told("refused", f"this host's clock is behind the last try's; was that one wrong, move {MEMORY} away")
    silent, wrong, answered = [], [], False
    here = _controller(node, plan, now)
    # Hour after hour the same would come over a thin line, only to wait; what ends meanwhile is looked at again.
    known = memory.get("tag", "") if here and now < memory.get("valid_until", 0) else ""
    for door in plan["doors"]:
        try:
            given = bundles.fetch(node, plan, door, known)
            answered = True
            if given.same:
                return Told("waits", here)
            if given.content:
                bundle = bundles.not_older(bundles.opened(node, plan, given.content, now), memory)
                memory["tag"] = given.tag
                return _judged(node, plan, memory, bundle, given.ends, now, ask)
        except Away as error:
            silent.append(str(error))
        except Refused as error:
            wrong.append(f"{door}: {error}" if door not in str(error) else str(error))
    if wrong:
        return Told("refused", "; ".join(wrong))
    return Told("none", "no site has a bundle for this node") if answered else Told("away", "; ".join(silent))


def _judged(
    node: Node, plan: dict[str, Any], memory: dict[str, Any], bundle: Bundle, ends: str, now: float, ask: Ask
) -> Told:
    """Apply a bundle if its time has come."""
    if bundle.made != memory.get("newest"):
        memory.update(newest=bundle.made, sum=bundle.sum, valid_until=bundle.valid_until, tries=0)
        store.save(node, MEMORY, memory, 0o644)
    if why := _not_now(node, plan, bundle, now):
        return Told("waits", why)
    if memory["tries"] >= TRIES:
        return Told("failed", f"bundle {bundle.made} was tried {TRIES} times; a newer one is")
    # Before it is begun: whatever cuts this short, it is not begun for ever.
    memory["tries"] += 1
    store.save(node, MEMORY, memory, 0o644)
    told = _applied(node, plan, bundle, ends, ask)
    if told.state in ("applied", "unchanged"):
        memory.update(tries=0, applied=bundle.made)
    elif told.state == "waits":
        memory["tries"] -= 1
    elif told.state == "unconfirmed":
        memory["tries"] = TRIES
    return told


def _not_now(node: Node, plan: dict[str, Any], bundle: Bundle, now: float) -> str:
    """What stands against applying a bundle now; empty when nothing does."""
    if there := _controller(node, plan, now):
        return there
    if bundle.made < contact.last(node) and not _is_here(node, bundle):
        return f"bundle {bundle.made} is older than what a controller saw and left here"
    if not any(begins <= now < ends for begins, ends in bundle.times):
        later = [begins for begins, _ in bundle.times if begins > now]
        return f"its turn comes in {min(later) - now:.0f} s" if later else "its last turn is over"
    try:
        with node.alone("pull"):
            open_one = journal.read(node)
    except Trouble as trouble:
        return str(trouble)
    if open_one is not None and open_one.phase == journal.ARMED:
        return f"a change by {open_one.controller} waits for its confirmation"
    return ""


def _controller(node: Node, plan: dict[str, Any], now: float) -> str:
    """That a controller was here lately; empty when it is away."""
    ago = now - contact.last(node)
    return (
        f"a controller was here {ago:.0f} s ago; it is away after {plan['silent_s']}" if ago < plan["silent_s"] else ""
    )


def _is_here(node: Node, bundle: Bundle) -> bool:
    """Whether a bundle is the very state and code that a controller left: then it can only mend what differs since."""
    in_use = node.path(f"{HOME}/current")
    code = in_use.readlink().name if in_use.is_symlink() else ""
    held = store.load(node, store.APPLIED).get("digest")
    return (bundle.digest, bundle.request["code"]) == (held, code)


def _applied(node: Node, plan: dict[str, Any], bundle: Bundle, ends: str, ask: Ask) -> Told:
    """Carry a bundle out, by what a controller would ask; `ends` name the connection by which it came."""
    common = {
        "code": bundle.request["code"],
        "controller": f"pull {bundle.made}",
        "time": time.time(),
        "confirm_seconds": plan["confirm_s"],
    }
    answer = ask(
        {**bundle.request, **common, "verb": "apply", "digest": bundle.digest, "only": [], "check": False}
        | {"connection": ends}
    )
    if "trouble" in answer:
        text = str(answer["trouble"])
        return Told("waits" if text.startswith("another transaction") else "failed", text)
    changes = ", ".join(answer["changes"]) or "nothing differs"
    if answer.get("armed") is None:
        return Told("applied" if answer["changes"] else "unchanged", changes)
    return _confirmed(node, plan, {**common, "verb": "confirm", "generation": answer["armed"]}, changes, ask)


def _confirmed(node: Node, plan: dict[str, Any], asked: dict[str, Any], changes: str, ask: Ask) -> Told:
    """Confirm once a site's door answers over a new connection; else it is left to the timer."""
    deadline = time.monotonic() + plan["confirm_s"]
    silent: list[str] = []
    while time.monotonic() < deadline:
        silent = []
        for door in plan["doors"]:
            try:
                ends = bundles.fetch(node, plan, door).ends
            except (Away, Refused) as error:
                silent.append(str(error))
                continue
            answer = ask({**asked, "connection": ends})
            return Told("failed", str(answer["trouble"])) if "trouble" in answer else Told("applied", changes)
        time.sleep(PAUSE)
    return Told("unconfirmed", f"no site answers since the change, it goes back by itself: {'; '.join(silent)}")


def _as_a_controller(request: dict[str, Any]) -> dict[str, Any]:
    """Enter the code that a request names, installed first where the node does not have it."""
    words = [sys.executable, "-ISc", ENTER, str(Path(__file__).resolve().with_name("bootstrap.py"))]
    done = subprocess.run(words, input=json.dumps(request).encode() + b"\n", capture_output=True, check=False)
    if done.returncode:
        raise Trouble(f"the node's code ended with {done.returncode}:\n{done.stderr.decode('utf-8', 'replace')}")
    return dict(json.loads(done.stdout))
