"""What the controller and a node say to each other: one request and one answer, as JSON, through one SSH command.

The node keeps the code that serves it, and the manifest that it was given last, each under its digest. So a request
names digests, and only a node that answers `need` is sent the things themselves.
"""

from __future__ import annotations

import ast
import base64
import getpass
import json
import socket
import time
import zlib
from collections.abc import Callable, Collection, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from province.errors import ProvinceError

CODE = Path(__file__).resolve().parents[2] / "ansible" / "plugins" / "module_utils" / "province_node"
COMMAND = "/usr/bin/python3 -ISc 'import json,sys;exec(json.loads(sys.stdin.readline()))'"
"""What runs on the node, as root. It is the same every time: nothing of a request is seen in logs or process lists."""

MAIN = """\
\"\"\"Run by the boot unit and by the timer of confirmed commits.\"\"\"

import sys

from province_node.unattended import main

sys.exit(main(sys.argv[1:]))
"""

Answer = dict[str, Any]


class Contact(Protocol):
    """A way to one node."""

    def send(self, request: bytes) -> str:
        """Run COMMAND on the node as root, feed it the request, return what it printed; ConnectionError without one."""
        ...

    def renew(self) -> None:
        """Forget the connection: the next `send` makes a new one."""
        ...


class NodeTrouble(ProvinceError):
    """A node could not do what was asked; the message is the node's own."""


@cache
def bootstrap() -> str:
    """The program that enters the node's code, without what only its readers need."""
    tree = ast.parse((CODE / "bootstrap.py").read_text(encoding="utf-8"))
    for one in ast.walk(tree):
        if isinstance(one, ast.Module | ast.FunctionDef) and ast.get_docstring(one) is not None:
            one.body = one.body[1:]
    return f"{ast.unparse(tree)}\nmain()\n"


@cache
def sources() -> dict[str, str]:
    """The code that a node keeps: path below its folder → text."""
    modules = {f"province_node/{path.name}": path.read_text(encoding="utf-8") for path in sorted(CODE.glob("*.py"))}
    return {"__main__.py": MAIN, **modules}


@cache
def code_digest() -> str:
    """The name of that code."""
    told = sha256()
    for name, text in sources().items():
        told.update(name.encode() + b"\0" + text.encode() + b"\0")
    return told.hexdigest()


def request(verb: str, *, reason: str = "", confirm_seconds: int = 300, **more: Any) -> dict[str, Any]:
    """A request of this controller."""
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    common = {"controller": who, "reason": reason, "time": time.time(), "confirm_seconds": confirm_seconds}
    return {"verb": verb, "code": code_digest(), **common, **more}


def ask(
    contact: Contact,
    asked: Mapping[str, Any],
    manifest: Callable[[], object] | None = None,
    lacks: Collection[str] = (),
) -> Answer:
    """The node's answer; what it does not hold is sent in a second turn, or at once where it is known (`lacks`).

    Raises NodeTrouble with what the node says, ConnectionError when it cannot be reached or says nothing.
    """
    answer = _turn(contact, {**asked, **_packed(lacks, manifest)} if lacks else asked)
    if "need" in answer:
        answer = _turn(contact, {**asked, **_packed(answer["need"], manifest)})
    if "trouble" in answer:
        raise NodeTrouble(str(answer["trouble"]))
    return answer


def _packed(needs: Collection[str], manifest: Callable[[], object] | None) -> dict[str, str]:
    """What a node needs beside the request."""
    things: dict[str, object] = {"sources": sources()} if "code" in needs else {}
    if manifest is not None:
        things["manifest"] = manifest()
    return _as_sent(things)


def packed_for(manifest: Mapping[str, object]) -> dict[str, str]:
    """All that a node could need beside a request: for one that cannot be asked what it holds."""
    return _as_sent({"sources": sources(), "manifest": manifest})


def _as_sent(things: Mapping[str, object]) -> dict[str, str]:
    text = json.dumps(things, ensure_ascii=False).encode()
    return {"packed": base64.b64encode(zlib.compress(text, 9)).decode()}


def spoken(asked: Mapping[str, Any]) -> bytes:
    """A request as COMMAND reads it. The first line is the program that reads the second."""
    lines = (json.dumps(bootstrap()), json.dumps(asked, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines).encode()


def _turn(contact: Contact, asked: Mapping[str, Any]) -> Answer:
    printed = contact.send(spoken(asked))
    try:
        return dict(json.loads(printed))
    except ValueError:
        raise NodeTrouble(f"the node gave no answer but said:\n{printed[-2000:]}") from None
