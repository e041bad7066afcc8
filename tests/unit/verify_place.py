"""A folder in which a verification runs as a process against a stand-in for ssh."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from province.fleet.load import inventories_root
from province.verify.evidence import Evidence, read_evidence
from province.verify.outcome import Outcome
from province.verify.standing import run_files

SSH = """#!/bin/sh
# Stands for ssh and the network: after the options, $1 is the host, $2 the command.
# Hosts fall silent by name or by a file.
while test "${1#-}" != "$1"; do shift 2; done
case " $SILENT " in *" $1 "*) echo "ssh: connect to host $1 port 22: No route to host" >&2; exit 255;; esac
case "$2" in *boot_id*) test -e "$STATE/$1.boot" && { cat "$STATE/$1.boot"; exit 0; };; esac
test -e "$STATE/$1.lost" && { echo "client_loop: send disconnect: Broken pipe" >&2; exit 255; }
exec /bin/sh -c "$2"
"""
SUDO = '#!/bin/sh\ntest "$1" = -n && shift\nexec "$@"\n'
WAIVERS = """
- control: 62
  hosts: [services]
  reason: the kernel belongs to the machine
  compensation: audited there
  owner: ops
  expires: 2199-12-31
- test: scenario::test_leave_that_ran_out
  hosts: [all]
  reason: was to be mended
  compensation: none
  owner: ops
  expires: 2020-01-01
"""
INI = """[pytest]
addopts = -m "not soak"
enable_assertion_pass_hook = true
markers = control(number)
"""


@dataclass
class Place:
    """A folder with an environment, a stand-in for ssh, and tests for hosts."""

    root: Path
    silent: list[str] = field(default_factory=list)

    @property
    def evidence(self) -> Evidence:
        (path,) = run_files(self.root / "evidence")
        return read_evidence(path)

    def outcomes(self) -> dict[tuple[str, str], Outcome]:
        return {(one.host, one.test.partition("::")[2]): one.outcome for one in self.evidence.records}

    def run(self, text: str, *options: str) -> subprocess.CompletedProcess[str]:
        (self.root / "tests" / "test_scenario.py").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        command += ["--rootdir", str(self.root), "--evidence", str(self.root / "evidence")]
        command += ["--commands", str(self.root / "commands.json"), *options]
        environment = {
            **os.environ,
            "PATH": f"{self.root}/bin:{os.environ['PATH']}",
            "PROVINCE_INVENTORIES": str(self.root / "inventories"),
            "SILENT": " ".join(self.silent),
            "STATE": str(self.root),
        }
        return subprocess.run(
            [*command, "tests"], cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )


def make(tmp_path: Path) -> Place:
    inventories = tmp_path / "inventories"
    (inventories / "lab").mkdir(parents=True)
    (inventories / "fleet").symlink_to(inventories_root() / "fleet")
    shutil.copy(inventories_root() / "lab" / "environment.yml", inventories / "lab")
    (inventories / "lab" / "ssh_config").write_text("", encoding="utf-8")
    (inventories / "lab" / "waivers.yml").write_text(WAIVERS, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text(INI, encoding="utf-8")
    (tmp_path / "tests").mkdir()
    conftest = 'pytest_plugins = ["province.verify.plugin"]\n'
    (tmp_path / "tests" / "conftest.py").write_text(conftest, encoding="utf-8")
    for name, text in (("ssh", SSH), ("sudo", SUDO)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text, encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return Place(tmp_path)
