"""What all tools have to make true: files of three capabilities, rendered once, and how a host is seen to have them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from province.errors import ProvinceError
from province.fleet.hosts import Host
from province.manifest.build import Builder
from province.manifest.manifest import Manifest

CAPABILITIES = ("packages", "updates", "time")
WORKERS = 8

Wanted = dict[str, tuple[Manifest, ...]]
"""The manifests of the three capabilities, by host."""


@dataclass(frozen=True)
class Desk:
    """Where the tools find their hosts: the rendered files and an inventory for each rival, in one folder.

    `sockets` is another one with a short path, for kept connections: a socket's path has at most 107 bytes.
    """

    folder: Path
    sockets: Path

    @property
    def rendered(self) -> Path:
        """One folder for each host, with its files under the paths that they have there."""
        return self.folder / "rendered"

    @property
    def ansible(self) -> Path:
        """The hosts as Ansible wants them."""
        return self.folder / "ansible.json"

    @property
    def pyinfra(self) -> Path:
        """The hosts as pyinfra's inventory reads them."""
        return self.folder / "pyinfra.json"

    @property
    def names(self) -> Path:
        """The hosts' names, one a line."""
        return self.folder / "names"


def write(desk: Desk, builder: Builder, hosts: Iterable[Host], operator_key: Path) -> Wanted:
    """Render the files of every host and write the inventories; returns what they came from."""
    fleet = builder.fleet
    user = fleet.environment.automation.name
    config = fleet.root / fleet.environment.id / "ssh_config"
    wanted: Wanted = {}
    ansible: dict[str, dict[str, object]] = {}
    pyinfra: dict[str, dict[str, object]] = {}
    for host in hosts:
        address = str(host.management.ipv4.ip)
        place = desk.rendered / host.name
        wanted[host.name] = tuple(builder.build(host, only=(one,)) for one in CAPABILITIES)
        for manifest in wanted[host.name]:
            for path, file in manifest.files.items():
                target = place / path.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(file.content, encoding="utf-8")
        ansible[host.name] = {"ansible_host": address}
        pyinfra[host.name] = {
            "ssh_hostname": address,
            "ssh_user": user,
            "ssh_key": str(operator_key),
            "ssh_allow_agent": False,
            "ssh_look_for_keys": False,
            # paramiko knows no certificates of hosts: it is spared the check that both others make.
            "ssh_strict_host_key_checking": "off",
            "rendered": str(place),
        }
    shared = {
        "ansible_user": user,
        "ansible_ssh_common_args": f"-F {config}",
        "rendered": str(desk.rendered),
    }
    desk.ansible.write_text(json.dumps({"all": {"hosts": ansible, "vars": shared}}, indent=1) + "\n", encoding="utf-8")
    desk.pyinfra.write_text(json.dumps(pyinfra, indent=1) + "\n", encoding="utf-8")
    desk.names.write_text("".join(f"{name}\n" for name in wanted), encoding="utf-8")
    return wanted


def look(on: Callable[[str, str], str], wanted: Wanted) -> dict[str, str]:
    """What each host has of the wanted things: contents, owners and modes of files, packages, units, leftovers.

    `on` runs a shell command on a host and returns what it printed.
    """

    def one(item: tuple[str, tuple[Manifest, ...]]) -> tuple[str, str]:
        name, manifests = item
        return name, on(name, f"sudo sh -c {shlex.quote(question(manifests))}")

    with ThreadPoolExecutor(WORKERS) as pool:
        return dict(pool.map(one, wanted.items()))


def question(manifests: Sequence[Manifest]) -> str:
    """Shell commands that print the state of everything the manifests name; two equal answers are equal states."""
    files = shlex.join(path for one in manifests for path in one.files)
    packages = shlex.join(name for one in manifests for name in one.packages)
    units = shlex.join(name for one in manifests for name in one.units)
    absent = " ".join(path for one in manifests for path in one.absent)
    return (
        f"sha256sum {files} 2>&1; stat --format='%n %U:%G %a' {files} 2>&1; "
        f"dpkg-query --show --showformat='${{Package}} ${{Status}}\\n' {packages} 2>&1; "
        f"systemctl is-enabled {units}; systemctl is-active {units}; ls -d {absent} 2>/dev/null; true"
    )


def refuse_difference(seen: dict[str, str], expected: dict[str, str], tool: str) -> None:
    """Raise ProvinceError with the first line that differs when a tool left a host in another state than expected."""
    for name, text in expected.items():
        pairs = zip(text.splitlines(), seen[name].splitlines(), strict=False)
        if text != seen[name]:
            before, after = next(((a, b) for a, b in pairs if a != b), ("", ""))
            raise ProvinceError(
                f"{tool} left {name} in another state, so nothing can be compared",
                hint=f"there it is `{after}`, elsewhere `{before}`",
            )
