"""The tools that are compared: how each is called, and how it says what it did."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.apply.meter import Sample
from bench.apply.state import Desk
from province.errors import ProvinceError
from province.manifest.trust import TRUST_VARIABLE

HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent
FORKS = 20
"""Hosts at the same time, for every tool: what ansible.cfg has."""

OURS = {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")}

RECAP = re.compile(r"^\S+\s+: ok=\d+\s+changed=(?P<changed>\d+)\s+unreachable=(?P<away>\d+)\s+failed=(?P<bad>\d+)")
OPERATION = re.compile(r"^\s+\[(?P<host>\S+)\]\s+(?P<word>Success|No changes)$")
SHOWN = 25


@dataclass(frozen=True)
class Outcome:
    """What a tool says it did: hosts that it changed, and hosts that it found as they should be."""

    changed: int
    unchanged: int


@dataclass(frozen=True)
class Tool:
    """A tool: its command, the variables it is run with beside those of all, and the reader of what it prints.

    `owner` names whose kept connections it uses: they were paid for by the first run of that owner.
    """

    name: str
    owner: str
    command: tuple[str, ...]
    read: Callable[[str], Outcome] | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    def outcome(self, sample: Sample, hosts: int) -> Outcome:
        """What a run did; ProvinceError with the end of its output when it failed or did not reach every host."""
        tail = "\n  ".join(sample.output.strip().splitlines()[-SHOWN:])
        if sample.code:
            raise ProvinceError(f"{self.name} ended with exit code {sample.code}", hint=tail)
        found = self.read(sample.output) if self.read else Outcome(0, hosts)
        reached = found.changed + found.unchanged
        if reached != hosts:
            raise ProvinceError(f"{self.name} reached {reached} of {hosts} hosts", hint=tail)
        return found


def read_ansible(output: str) -> Outcome:
    """Read the recap of `ansible-playbook`."""
    rows = [row for line in output.splitlines() if (row := RECAP.match(line))]
    good = [row for row in rows if row["away"] == row["bad"] == "0"]
    changed = sum(row["changed"] != "0" for row in good)
    return Outcome(changed, len(good) - changed)


def read_pyinfra(output: str) -> Outcome:
    """Read what `pyinfra` prints for each operation and host; errors show in its exit code."""
    rows = [row for line in output.splitlines() if (row := OPERATION.match(line))]
    changed = {row["host"] for row in rows if row["word"] == "Success"}
    return Outcome(len(changed), len({row["host"] for row in rows} - changed))


def ours() -> Tool:
    """The three capabilities by our transaction."""
    return _playbook("ours", "ours", OURS, HERE / "ours.yml")


def enrol() -> Tool:
    """Keys and certificates, without which hosts are given only a part of what is declared."""
    return _playbook("enrol", "ours", OURS, CHECKOUT / "ansible/playbooks/enrol.yml", "-e", "enrol_hosts=edge")


def everything(trust: Path | None = None) -> Tool:
    """Everything that we manage on a node, in one transaction: what an operator runs every day.

    trust: another folder of trust anchors, to change what is wanted.
    """
    env = OURS if trust is None else {**OURS, TRUST_VARIABLE: str(trust)}
    return _playbook("everything", "ours", env, CHECKOUT / "ansible/playbooks/baseline.yml", "--limit", "edge")


def everywhere() -> Tool:
    """The same on every host of the environment."""
    return _playbook("apply", "ours", OURS, CHECKOUT / "ansible/playbooks/baseline.yml")


def idiomatic(desk: Desk, setting: Literal["tuned", "stock"]) -> Tool:
    """The same as plain tasks, with Ansible's settings tuned by an experienced operator, or as shipped."""
    folder = HERE / "idiomatic"
    env = {
        "ANSIBLE_CONFIG": str(folder / f"{setting}.cfg"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(desk.sockets / setting),
    }
    return _playbook(setting, setting, env, folder / "site.yml", "-i", str(desk.ansible))


def with_pyinfra(desk: Desk, program: Path) -> Tool:
    """The same with pyinfra."""
    folder = HERE / "with_pyinfra"
    files = (str(folder / "inventory.py"), str(folder / "deploy.py"))
    command = (str(program), "-y", "--parallel", str(FORKS), *files)
    return Tool("pyinfra", "pyinfra", command, read_pyinfra, {"BENCH_HOSTS": str(desk.pyinfra)})


def ssh_true(desk: Desk, *, kept: bool) -> Tool:
    """`ssh HOST true` to every host, over kept connections or over new ones: the floor of every tool."""
    name = "ssh_kept" if kept else "ssh_new"
    path = str(desk.sockets / "%C") if kept else "none"
    reuse = (
        "-o",
        f"ControlMaster={'auto' if kept else 'no'}",
        "-o",
        f"ControlPath={path}",
        "-o",
        "ControlPersist=300s",
    )
    each = ("xargs", f"--max-procs={FORKS}", "--replace={}", f"--arg-file={desk.names}")
    return Tool(name, name, (*each, "ssh", "-F", str(CHECKOUT / "inventories/lab/ssh_config"), *reuse, "{}", "true"))


def _playbook(name: str, owner: str, env: Mapping[str, str], book: Path, *options: str) -> Tool:
    return Tool(name, owner, ("ansible-playbook", str(book), *options), read_ansible, env)
