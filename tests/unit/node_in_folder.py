"""A host below a folder, for tests of the node's side: its files are real, systemd and apt are stood in for."""

from __future__ import annotations

import getpass
import grp
import os
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

from province.manifest.capability import CHECKOUT
from province.manifest.manifest import SCHEMA

UTILS = CHECKOUT / "ansible" / "plugins" / "module_utils"
sys.path.insert(0, str(UTILS))


def node_side(name: str) -> Any:
    """A module of the code that runs on nodes, which is found by that path alone."""
    return import_module(f"province_node.{name}")


node_module: Any = import_module("province_node.node")
transaction: Any = import_module("province_node.transaction")
plan: Any = import_module("province_node.plan")
store: Any = import_module("province_node.store")
generations: Any = import_module("province_node.generations")
wanted: Any = import_module("province_node.wanted")

ACCOUNT_TOOLS = ("useradd", "usermod", "groupadd", "groupdel", "gpasswd")
PRETENDED = (*ACCOUNT_TOOLS, "systemctl", "systemd-run", "apt-get", "dpkg", "journalctl")
OWN: dict[str, Any] = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getegid()).gr_name}


class HostInFolder(node_module.Node):  # type: ignore[misc]
    """A host below a folder; systemctl, apt-get and the account tools only say that they were called."""

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self.calls: list[str] = []
        self.units: dict[str, dict[str, str]] = {}
        self.fails = ""
        self.takes_along: list[str] = []
        self.write("/proc/sys/net/ipv4/ip_forward", "0\n")
        self.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
        self.write("/etc/shadow", "root:*:20000:0:99999:7:::\n")
        self.write("/etc/group", "root:x:0:\nadm:x:4:\n")
        self.install("sudo")

    def write(self, path: str, text: str) -> None:
        place = self.path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def install(self, *names: str) -> None:
        status = "".join(f"Package: {name}\nStatus: install ok installed\nVersion: 1.0\n\n" for name in names)
        self.write("/var/lib/dpkg/status", self.read("/var/lib/dpkg/status") + status)

    def uninstall(self, *names: str) -> None:
        blocks = [block for block in self.read("/var/lib/dpkg/status").split("\n\n") if block]
        kept = [block for block in blocks if block.splitlines()[0].removeprefix("Package: ") not in names]
        self.write("/var/lib/dpkg/status", "".join(f"{block}\n\n" for block in kept))

    def try_run(self, command: Sequence[str], **environment: str) -> Any:
        if command[0] not in PRETENDED:
            return super().try_run(command, **environment)
        line = " ".join(command)
        if command[1] == "show":
            names = command[command.index("--") + 1 :]
            return node_module.Done(0, "\n\n".join(self._shown(name) for name in names))
        if "--simulate" in command:
            gone = [] if "install" in command else [command[-1], *self.takes_along]
            return node_module.Done(0, "".join(f"Remv {name} [1.0]\n" for name in gone))
        return self._pretended(command, line)

    def _pretended(self, command: Sequence[str], line: str) -> Any:
        """What changes something: it is written down, and may break."""
        self.calls.append(line)
        if self.fails and self.fails in line:
            return node_module.Done(1, "it broke")
        if command[0] == "systemctl" and len(command) == 3:
            unit = self.units.setdefault(command[2], {})
            unit |= {
                "enable": {"file": "enabled"},
                "disable": {"file": "disabled"},
                "stop": {"active": "inactive"},
            }.get(command[1], {"active": "active"})
        if command[0] in ACCOUNT_TOOLS:
            self._account(list(command))
        if "install" in command:
            names = command[command.index("--yes") + 1 :]
            self.install(*(name for name in names if name[0] != "-"))
        if "remove" in command:
            self.uninstall(*command[command.index("remove") + 1 :])
        return node_module.Done(0, "")

    def _account(self, command: list[str]) -> None:
        """What useradd, usermod, groupadd, groupdel and gpasswd do to the three files."""
        given = dict(pairwise(command))
        name = command[-1]
        if command[0] == "useradd":
            uid, groups = given.get("--uid", "999"), given.get("--groups", "")
            home, shell = given.get("--home-dir", ""), given.get("--shell", "")
            self._edit("passwd", name, f"{name}:x:{uid}:{uid}:{given.get('--comment', '')}:{home}:{shell}")
            self._edit("shadow", name, f"{name}:!:20000:0:99999:7:::")
            for group in filter(None, groups.split(",")):
                self._member(group, name, joins=True)
        elif command[0] == "groupadd":
            self._edit("group", name, f"{name}:x:{given.get('--gid', '999')}:")
        elif command[0] == "groupdel":
            self._edit("group", name, None)
        elif command[0] == "gpasswd":
            self._member(name, command[-2], joins=False)
        elif "--append" in command:
            self._member(given["--groups"], name, joins=True)
        else:
            fields = next(line for line in self.read("/etc/passwd").splitlines() if line.startswith(f"{name}:")).split(
                ":"
            )
            for place, option in ((4, "--comment"), (5, "--home"), (6, "--shell")):
                fields[place] = given.get(option, fields[place])
            self._edit("passwd", name, ":".join(fields))
            shadow = next(line for line in self.read("/etc/shadow").splitlines() if line.startswith(f"{name}:")).split(
                ":"
            )
            shadow[1] = f"!{shadow[1]}" if "--lock" in command and shadow[1][0] not in "!*" else shadow[1]
            shadow[7] = {None: shadow[7], "": ""}.get(given.get("--expiredate"), "1")
            self._edit("shadow", name, ":".join(shadow))

    def _member(self, group: str, name: str, joins: bool) -> None:
        line = next(line for line in self.read("/etc/group").splitlines() if line.startswith(f"{group}:"))
        head, _, members = line.rpartition(":")
        left = [one for one in members.split(",") if one and one != name]
        self._edit("group", group, f"{head}:{','.join([*left, name] if joins else left)}")

    def _edit(self, file: str, name: str, line: str | None) -> None:
        kept = [one for one in self.read(f"/etc/{file}").splitlines() if not one.startswith(f"{name}:")]
        self.write(f"/etc/{file}", "".join(f"{one}\n" for one in [*kept, *([line] if line else [])]))

    def _shown(self, name: str) -> str:
        unit = self.units.get(name, {})
        told = {"Id": name, "ActiveState": unit.get("active", "inactive"), "WantedBy": unit.get("wanted_by", "")}
        told["UnitFileState"] = unit.get("file", "disabled")
        return "\n".join(f"{key}={value}" for key, value in told.items())

    def tree(self) -> dict[str, tuple[str, int]]:
        files = (path for path in sorted(Path(self.root).rglob("*")) if path.is_file())
        return {str(path): (path.read_text(encoding="utf-8"), path.stat().st_mtime_ns) for path in files}


def a_file(content: str, mode: str = "0644", check: str | None = None, secret: bool = False) -> dict[str, Any]:
    """A file of a manifest, owned by whoever runs the tests."""
    return {"content": content, "mode": mode, "check": check, "secret": secret, **OWN}


def a_key(path: str, kind: str = "x509-ec", **more: Any) -> dict[str, Any]:
    """A key of a manifest, owned by whoever runs the tests."""
    public = f"{path}.csr" if kind == "x509-ec" else f"{path}.pub"
    return {"kind": kind, "mode": "0600", "subject": "h.test", "names": [], "public": public, **OWN, **more}


def a_unit(**more: Any) -> dict[str, Any]:
    """A unit of a manifest that shall run."""
    return {"state": "running", "enabled": True, "restart_on": [], "reload_on": [], "probe": None, **more}


def a_user(name: str, login: str | None = None, **more: Any) -> dict[str, Any]:
    """An account of a manifest."""
    empty: dict[str, Any] = {"uid": None, "comment": None, "home": None, "shell": None, "groups": [], "locked": True}
    return {**empty, "name": name, "shell": login, **more}


def a_part(capability: str = "a", guarded: bool = False, order: int = 50, **parts: Any) -> dict[str, Any]:
    """What one capability wants, with nothing in it but these things."""
    lists: dict[str, Any] = {key: [] for key in ("packages", "absent", "users", "groups", "health")}
    tables: dict[str, Any] = {key: {} for key in ("files", "keys", "sysctls", "units")}
    name = {"capability": capability, "role": f"common_{capability}", "order": order, "guarded": guarded}
    return {**name, **lists, **tables, **parts}


def a_manifest(*parts: dict[str, Any], schema: int = SCHEMA) -> dict[str, Any]:
    """A manifest of these parts."""
    return {"schema": schema, "host": "h", "parts": list(parts)}


def order(manifest: dict[str, Any], **more: Any) -> Any:
    """What a controller asks for."""
    asked = {"controller": "tests", "reason": "why not", "time": time.time(), "connection": "first", **more}
    return plan.Order(sent=manifest, **asked)


def run(host: HostInFolder, *parts: dict[str, Any], **more: Any) -> Any:
    """Bring a host to a manifest of these parts."""
    return transaction.converge(host, order(a_manifest(*parts), **more))


def look(host: HostInFolder, *parts: dict[str, Any]) -> Any:
    """Compare a host with a manifest of these parts."""
    return plan.look(host, order(a_manifest(*parts)), generations.current(host)).plan


def applied(host: HostInFolder) -> dict[str, Any]:
    """What the host says was applied last."""
    return dict(store.load(host, store.APPLIED))
