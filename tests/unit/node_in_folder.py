"""A host below a folder, for tests of the node's side: its files are real, systemd and apt are stood in for."""

from __future__ import annotations

import getpass
import grp
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from province.manifest.capability import CHECKOUT
from province.manifest.manifest import SCHEMA

UTILS = CHECKOUT / "ansible" / "plugins" / "module_utils"
sys.path.insert(0, str(UTILS))
node_module: Any = import_module("province_node.node")

OWN = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getegid()).gr_name}


class HostInFolder(node_module.Node):  # type: ignore[misc]
    """A host below a folder; systemctl, apt-get and the account tools only say that they were called."""

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self.calls: list[str] = []
        self.units: dict[str, dict[str, str]] = {}
        self.fails = ""
        self.write("/proc/sys/net/ipv4/ip_forward", "0\n")
        self.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
        self.write("/etc/shadow", "root:*:20000:0:99999:7:::\n")
        self.write("/etc/group", "root:x:0:\nadm:x:4:\n")
        self.write("/var/lib/dpkg/status", "Package: sudo\nStatus: install ok installed\n")

    def write(self, path: str, text: str) -> None:
        place = self.path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def try_run(self, command: Sequence[str], **environment: str) -> Any:
        if command[0] not in ("systemctl", "apt-get", "useradd", "usermod", "groupadd", "journalctl"):
            return super().try_run(command, **environment)
        line = " ".join(command)
        if command[1] == "show":
            names = command[command.index("--") + 1 :]
            return node_module.Done(0, "\n\n".join(self._shown(name) for name in names))
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
        if "install" in command:
            names = command[command.index("--yes") + 1 :]
            status = "".join(f"Package: {name}\nStatus: install ok installed\n" for name in names if name[0] != "-")
            self.write("/var/lib/dpkg/status", self.read("/var/lib/dpkg/status") + status)
        return node_module.Done(0, "")

    def _shown(self, name: str) -> str:
        unit = self.units.get(name, {})
        return f"Id={name}\nActiveState={unit.get('active', 'inactive')}\nUnitFileState={unit.get('file', 'disabled')}"

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


def a_manifest(**parts: Any) -> dict[str, Any]:
    """A manifest with nothing in it but these parts."""
    lists: dict[str, Any] = {key: [] for key in ("packages", "absent", "users", "groups", "health")}
    return {"schema": SCHEMA, "host": "h", "files": {}, "keys": {}, "sysctls": {}, "units": {}, **lists, **parts}
