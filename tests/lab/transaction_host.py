"""A host of the lab on which a transaction is broken on purpose, beside everything else that the host is."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import pytest

from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.lab import desk, provision
from province.manifest.manifest import SCHEMA
from province.ops import node_talk
from province.ops.node_ssh import SshContact
from province.ops.node_wire import COMMAND, Answer, ask, request

CAPABILITY = "probe"
FOLDER = "/etc/province-probe"
UNIT = "province-probe.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
OLD_ONLY, NEW_ONLY = f"{FOLDER}/old-only", f"{FOLDER}/new-only"
FILES = (f"{FOLDER}/a", f"{FOLDER}/b", OLD_ONLY, NEW_ONLY, UNIT_FILE)
PACKAGE = "socat"
"""In the lab's mirror because cluster nodes need it; edge nodes do not have it."""
LIMIT = 180
"""Seconds after which a host that has not come back by itself is lost."""
STOPPED = "(stopped)"
PROGRAM = f"""
import json, os, sys
sys.path.insert(0, "/usr/local/lib/province-node/current")
from province_node import entry, node, transaction
request = json.loads(sys.stdin.readline())
class Stopping(node.Node):
    seen = {{}}
    def step(self, label):
        count = self.seen[label] = self.seen.get(label, 0) + 1
        name = label if count == 1 else f"{{label}} ({{count}})"
        print(name, flush=True)
        if name == request["stop"]:
            print("{STOPPED}", flush=True)
            sys.stdin.read()
            os._exit(9)
host = Stopping()
answer = entry.answer(request, host)
if "trouble" in answer:
    sys.exit(answer["trouble"])
if answer.get("armed"):
    transaction.confirm(host, answer["armed"], "another connection")
"""
"""The node's own code, as it lies on the node: it stops before one of its effects, and dies when it is let go."""


def content(path: str, state: str) -> str:
    """What a probe's file holds in a state."""
    if path != UNIT_FILE:
        return f"{state}\n"
    return (
        f"[Service]\nEnvironment=STATE={state}\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
    )


def part(state: str, **more: Any) -> dict[str, Any]:
    """A manifest with one capability that changes files, a unit, an account and a package from old to new."""
    leaves_out = {"old": NEW_ONLY, "new": OLD_ONLY}[state]
    plain = {"owner": "root", "group": "root", "mode": "0644", "check": None, "secret": False}
    user = {"name": "probe", "uid": 2999, "comment": None, "home": None, "shell": "/usr/sbin/nologin"}
    unit = {
        "state": "running",
        "enabled": True,
        "restart_on": [f"{FOLDER}/*", UNIT_FILE],
        "reload_on": [],
        "probe": None,
    }
    return manifest(
        **{
            "packages": [PACKAGE] if state == "new" else [],
            "files": {path: {**plain, "content": content(path, state)} for path in FILES if path != leaves_out},
            "users": [{**user, "groups": [], "locked": True}] if state == "new" else [],
            "units": {UNIT: unit},
            **more,
        }
    )


def manifest(**parts: Any) -> dict[str, Any]:
    """A manifest with the one capability of the probe."""
    lists: dict[str, Any] = {key: [] for key in ("packages", "absent", "users", "groups", "health")}
    tables: dict[str, Any] = {key: {} for key in ("files", "keys", "sysctls", "units")}
    name = {"capability": CAPABILITY, "role": f"edge_{CAPABILITY}", "order": 99, "guarded": True}
    return {"schema": SCHEMA, "host": "probe", "parts": [{**name, **lists, **tables, **parts}]}


@dataclass(frozen=True)
class Victim:
    """The host, by its name in the lab."""

    fleet: Fleet
    name: str

    @property
    def contact(self) -> SshContact:
        """The way to it."""
        return SshContact(self.fleet, self.name)

    def run(self, command: str) -> str:
        """What a command prints as root there; the test fails if it does."""
        done = subprocess.run(self.contact.words(command), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def apply(self, wanted: dict[str, Any], seconds: int = 60) -> list[str]:
        """What applying changes there, the controller's whole way, confirmation included."""
        wish = node_talk.Wish("", lambda: wanted, (CAPABILITY,), "fault test", seconds)
        return node_talk.apply(self.contact, wish).changes

    def arm(self, wanted: dict[str, Any], seconds: int) -> Answer:
        """Apply without confirming: a controller that was killed."""
        asked = request("apply", digest="", only=[CAPABILITY], check=False, confirm_seconds=seconds)
        return ask(self.contact, asked, lambda: wanted)

    def status(self) -> Answer:
        """What the node says of itself."""
        return ask(self.contact, request("status"))

    def running(self) -> str:
        """The state that the unit's process was started in."""
        environ = f"/proc/$(systemctl show --property=MainPID --value {UNIT})/environ"
        return self.run(f"tr '\\0' '\\n' < {environ} | sed -n s/^STATE=//p").strip()

    def state(self) -> str:
        """`old` or `new` if everything that can be switched is in that state, else what is there."""
        there = json.loads(self.run(f"/usr/bin/python3 -c '{LOOK}' {' '.join(FILES)}"))
        for state, leaves_out in (("old", NEW_ONLY), ("new", OLD_ONLY)):
            if there == {path: "" if path == leaves_out else content(path, state) for path in FILES}:
                return state
        return json.dumps(there)

    @contextmanager
    def stopped_at(self, wanted: dict[str, Any], label: str, until: str = STOPPED) -> Iterator[list[str]]:
        """The transaction at work on the host, waiting before an effect; afterwards its process is killed.

        Gives the effects that it has come to; a label that it never comes to lets it go to its end. `until` names
        an effect from which on it is watched no longer, so that something else can stop it.
        """
        asked = request("apply", digest="", only=[CAPABILITY], check=False, manifest=wanted, stop=label)
        with subprocess.Popen(
            self.contact.words(COMMAND), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin
            assert process.stdout
            process.stdin.write(f"{json.dumps(PROGRAM)}\n{json.dumps(asked)}\n")
            process.stdin.flush()
            yield list(takewhile(lambda line: line not in (STOPPED, until), (line.strip() for line in process.stdout)))

    def cut_power(self) -> None:
        """Everything on it ends at once; then it boots."""
        spec = provision.specification(self.fleet)
        desk.power_off(self.fleet.root.parent, spec, self.name)
        provision.up(self.fleet)
        self.run("systemctl is-system-running --wait || true")
        self.run("! systemctl is-failed province-recover.service province-watch.service | grep -q failed")

    def wait_until_ended(self) -> Answer:
        """Wait, without touching the host, until no transaction is under way; its own account of it."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            with suppress(ConnectionError):
                status = self.status()
                if status["under_way"] is None:
                    return status
            time.sleep(1)
        pytest.fail(f"{self.name} has not come back within {LIMIT} s")


LOOK = (
    "import json,sys,pathlib;"
    "print(json.dumps({p: pathlib.Path(p).read_text() if pathlib.Path(p).exists() else str() for p in sys.argv[1:]}))"
)


@pytest.fixture(scope="module")
def victim() -> Iterator[Victim]:
    """The first edge node of the lab, which is given back without a trace of the probe."""
    fleet = load_fleet("lab")
    host = Victim(fleet, next(host.name for host in fleet.hosts.values() if host.host_class == "edge"))
    yield host
    host.apply(manifest())
    # An account that is retired is shut, not deleted; the host's own checks would ask whose it is.
    host.run("if getent passwd probe; then userdel --remove probe; fi")
    host.run(f"test ! -e {FOLDER} && test ! -e {UNIT_FILE} && ! dpkg -s {PACKAGE} 2>&1 | grep -q 'ok installed'")
