"""`python -m bench fleet`: what one run over every host of the running lab costs when nothing has changed.

Needs the lab, configured, and root; runs outside of it. `make lab COMMUNES=102` boots the whole province. First the
hosts are watched at rest; then come the floor (`ssh true` to each), the baseline, the verification and the report, in
the order in which an operator runs them. The controller's CPU is read apart from that of the hosts.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.apply import state, tools
from bench.apply.figures import Goal, cpu_ratio, summary
from bench.apply.meter import Meter, Sample, environment, metered
from bench.apply.tools import CHECKOUT, Tool
from province.errors import ExitCode, ProvinceError
from province.fleet.load import load_fleet
from province.lab import guest, provision
from province.lab.state import Place

FOLDER = CHECKOUT / ".province" / "bench" / "fleet"
REST_S = 60
"""Seconds for which the hosts are watched while nobody asks anything of them."""
MIB = 1 << 20
COUNTED = re.compile(r"(\d+) pass\b")


def measure(arguments: Sequence[str]) -> dict[str, object]:
    """All figures. ProvinceError when the lab is not up, when a host does not answer or is not as declared."""
    parser = argparse.ArgumentParser(prog="python -m bench fleet")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each step (default: 2)")
    options = parser.parse_args(arguments)
    fleet = load_fleet(provision.LAB)
    place = Place(fleet.root.parent)
    if not set(fleet.hosts) <= set(guest.running(place)):
        raise ProvinceError("the lab is not up", hint="sudo make lab COMMUNES=102", exit_code=ExitCode.MACHINE)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    desk = state.Desk(FOLDER, place.runtime / "bench")
    desk.sockets.mkdir(parents=True, exist_ok=True)
    desk.names.write_text("".join(f"{name}\n" for name in fleet.hosts), encoding="utf-8")
    steps = _steps(desk)
    guests = provision.specification(fleet).guests
    with metered(place, guests, ["rest", *(one.owner for one in steps)]) as meter:
        rest = meter.run("rest", ["sleep", str(REST_S)], environment(CHECKOUT / ".venv" / "bin"), CHECKOUT)
        samples = {one.name: _samples(meter, one, len(fleet.hosts), options.rounds) for one in steps}
    checks = [int(found[1]) for one in samples["verify"] if (found := COUNTED.search(one.output))]
    return {
        "hosts": len(fleet.hosts),
        "edge_nodes": sum(host.host_class == "edge" for host in fleet.hosts.values()),
        "memory_mib_per_host": round(_memory_in_use() / MIB / len(fleet.hosts)),
        "cores_at_rest": round(rest.hosts / rest.seconds, 2),
        "checks_passed": checks,
        "whole_run_seconds": round(sum(samples[step][-1].seconds for step in ("apply", "verify", "report"))),
        "steps": {name: summary(found, len(fleet.hosts)) for name, found in samples.items()},
        "goals": [
            Goal(
                f"controller CPU for each host: {step} / ssh true over new connections",
                limit,
                cpu_ratio(samples[step], samples["ssh_new"]),
                at_least=False,
            ).shown()
            for step, limit in (("apply", 2.5), ("verify", 2))
        ],
    }


def _steps(desk: state.Desk) -> tuple[Tool, ...]:
    ours = (sys.executable, "-m", "province")
    return (
        tools.ssh_true(desk, kept=True),
        tools.ssh_true(desk, kept=False),
        tools.everywhere(),
        Tool("verify", "verify", (*ours, "verify", "-e", provision.LAB)),
        Tool("report", "report", (*ours, "report", "-e", provision.LAB)),
    )


def _samples(meter: Meter, tool: Tool, hosts: int, rounds: int) -> list[Sample]:
    """The runs of one step, all but the first: that one opens connections and learns the hosts."""
    found = []
    for number in range(rounds + 1):
        variables = {**environment(CHECKOUT / ".venv" / "bin"), **tool.env}
        sample = meter.run(tool.owner, tool.command, variables, CHECKOUT)
        done = tool.outcome(sample, hosts)
        print(f"{tool.name:<10} {sample.seconds:7.1f} s", file=sys.stderr, flush=True)
        if number:
            if done.changed:
                raise ProvinceError(f"{tool.name} changed {done.changed} hosts that were as declared")
            found.append(sample)
    return found


def _memory_in_use() -> int:
    """Bytes of the machine's memory that are not available to others, the controller's own few included."""
    rows = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines())
    kib = {name: int(value.split()[0]) for name, value in rows.items()}
    return (kib["MemTotal"] - kib["MemAvailable"]) * 1024
