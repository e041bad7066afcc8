"""What this host's programs say of files that it does not have yet: checked in a folder that nobody reads."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from . import files, generations, wanted
from .node import Node, write_durably

MISSING = 127
"""What `Node.try_run` says when there is no such program: the transaction itself would install it first."""


def rehearse(node: Node, request: dict[str, Any]) -> dict[str, Any]:
    """Let programs check what a controller is about to send; what the host holds already, it has checked."""
    held = generations.current(node)
    if held is None or wanted.digest(wanted.part_of(held, request["only"])) == request["digest"]:
        return {"refused": []}
    if "manifest" not in request:
        return {"need": ["manifest"]}
    return {"refused": refusals(node, request["manifest"])}


def refusals(node: Node, sent: wanted.Manifest) -> list[dict[str, str]]:
    """Every file that its own program refuses, with the program's words; nothing of the host is changed."""
    changes = [change for change in files.compare(node, wanted.read(sent).files, []) if change.check]
    found = []
    with tempfile.TemporaryDirectory(prefix="province-rehearsal-") as folder:
        for number, change in enumerate(changes):
            assert change.after is not None  # noqa: S101 - nothing is absent here
            place = Path(folder, str(number), Path(change.path).name)
            place.parent.mkdir()
            write_durably(place, change.after, 0o600)
            done = files.verdict(node, change, place)
            if done.code not in (0, MISSING):
                said = "(secret)" if change.secret else done.head.replace(str(place), change.path)
                found.append({"path": change.path, "said": said})
    return found
