"""Where a controller's request enters the node's code."""

from __future__ import annotations

import json
import signal
import sys
from importlib import import_module
from typing import Any

from . import contact
from .node import Node, Trouble

Request = dict[str, Any]
Answer = dict[str, Any]

VERBS = {
    "apply": ("applying", "apply"),
    "compare": ("applying", "compare"),
    "rehearse": ("rehearsal", "rehearse"),
    "confirm": ("verbs", "confirm"),
    "rollback": ("verbs", "rollback"),
    "status": ("verbs", "status"),
    "generations": ("verbs", "kept"),
    "update-look": ("updates", "look"),
    "update-fetch": ("updates", "fetch"),
    "update-take": ("updates", "take"),
    "update-state": ("updates", "state"),
}
"""Verb → module and function. Only that module is loaded: nearly all requests find nothing to change."""


def answer(request: Request, node: Node | None = None) -> Answer:
    """Do what a request asks; `trouble` says why it could not be done, `need` what has to be sent along for it."""
    host = node or Node()
    # The transaction goes on to its end when the connection is cut: it may well be what cuts it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    module, function = VERBS[request["verb"]]
    try:
        contact.note(host)
        return dict(getattr(import_module(f"{__package__}.{module}"), function)(host, request))
    except Trouble as trouble:
        return {"trouble": str(trouble)}
    except OSError as error:
        return {"trouble": f"{error.filename}: {error.strerror}"}


def read_answer(request: Request) -> None:
    """Answer a request on standard output, as JSON."""
    sys.stdout.write(json.dumps(answer(request), ensure_ascii=False))
