"""`python -m bench verify`: the same tests on the same hosts of the running lab, each way; the verdicts must agree.

Needs the lab, configured, and root; runs outside of it. Three ways: ours with what it has learnt of the hosts,
`ssh://` as shipped (a connection for each command), and `ssh://` as an experienced operator has it: control sockets,
and eight processes that share the hosts. The controller's CPU is read apart from that of the hosts.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.apply import state, tools
from bench.apply.figures import Goal, cpu_ratio, ratio, summary
from bench.apply.meter import Meter, Sample, environment, metered
from bench.apply.tools import CHECKOUT
from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.lab import guest, provision
from province.lab.state import Place
from province.verify.evidence import read_evidence
from province.verify.run import without
from province.verify.selection import select_hosts
from province.verify.session import ssh_config
from province.verify.standing import run_files

FOLDER = CHECKOUT / ".province" / "bench" / "verify"
WORKERS = 8
SHARED = re.compile(r"^\s*Control\w+ .*\n", re.MULTILINE)
TRIPS = re.compile(r"round trip, in ([\d.]+) s, (\d+) commands")
OWNERS = ("first", "ours", "stock", "tuned", "ssh_kept", "ssh_new")

Verdicts = dict[tuple[str, str], str]


@dataclass(frozen=True)
class Course:
    """The hosts that are verified, and who measures."""

    fleet: Fleet
    hosts: tuple[str, ...]
    meter: Meter

    def run(self, way: str, *options: str, shards: int = 1) -> tuple[Sample, Verdicts]:
        """Run all host tests one way, in as many processes as there are shards; what it cost and what they found."""
        place = FOLDER / way
        shutil.rmtree(place, ignore_errors=True)
        fixed = ["-q", *without(), "--tb=no", f"--evidence={place}", f"--commands={FOLDER}/commands.json"]
        words = [sys.executable, "-m", "pytest", "tests/host", *fixed, *options]
        parts = [",".join(self.hosts[number::shards]) for number in range(shards)]
        command = [
            "xargs",
            f"--max-procs={WORKERS}",
            "--replace={}",
            f"--arg-file={FOLDER}/parts",
            *words,
            "--select={}",
        ]
        (FOLDER / "parts").write_text("".join(f"{part}\n" for part in parts if part), encoding="utf-8")
        sample = self.meter.run(way, command, environment(CHECKOUT / ".venv" / "bin"), CHECKOUT)
        verdicts = {
            (one.host, one.test): str(one.outcome)
            for file in run_files(place)
            for one in read_evidence(file).records
            if one.subject != "transport"
        }
        print(f"{way:<12} {sample.seconds:7.1f} s  {len(verdicts)} checks", file=sys.stderr, flush=True)
        if {host for host, _ in verdicts} != set(self.hosts):
            raise ProvinceError(f"{way} did not verify every host", hint=sample.output[-2000:])
        return sample, verdicts


def measure(arguments: Sequence[str]) -> dict[str, object]:
    """All figures. ProvinceError when the lab is not up, or when two ways disagree on a verdict."""
    parser = argparse.ArgumentParser(prog="python -m bench verify")
    parser.add_argument("--select", default="edge", help="hosts of the running lab (default: edge)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of ours and of the floor (default: 3)")
    options = parser.parse_args(arguments)
    fleet = load_fleet(provision.LAB)
    place = Place(fleet.root.parent)
    hosts = tuple(host.name for host in select_hosts(fleet, [options.select]))
    if not set(hosts) <= set(guest.running(place)):
        raise ProvinceError("the lab is not up", hint="sudo make lab COMMUNES=1", exit_code=ExitCode.MACHINE)
    guests = [one for one in provision.specification(fleet).guests if one.name in hosts]
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with metered(place, guests, OWNERS) as meter:
        return _figures(Course(fleet, hosts, meter), place, options.rounds)


def _figures(course: Course, place: Place, rounds: int) -> dict[str, object]:
    stock, tuned = _clients(course.fleet, place)
    first, expected = course.run("first", f"--client={tuned}")
    ours = [course.run("ours", f"--client={tuned}") for _ in range(rounds)]
    by_way = {
        "ours": ours,
        "stock": [course.run("stock", "--transport=ssh", f"--client={stock}")],
        "tuned": [course.run("tuned", "--transport=ssh", f"--client={tuned}", shards=WORKERS)],
    }
    differ = {
        f"{way}: {host} {test}: {found.get((host, test))} and not {verdict}"
        for way, runs in by_way.items()
        for _, found in runs
        for (host, test), verdict in expected.items()
        if found.get((host, test)) != verdict
    }
    samples = {way: [sample for sample, _ in runs] for way, runs in by_way.items()}
    samples |= {"first": [first], **_floor(course, place, rounds)}
    trips = [TRIPS.search(sample.output) for sample in samples["ours"]]
    seconds = statistics.median(float(one[1]) for one in trips if one)
    own = statistics.median(sample.seconds for sample in samples["ours"]) - seconds
    return {
        "hosts": len(course.hosts),
        "checks": len(expected),
        "checks_that_differ": sorted(differ),
        "commands_asked_alone": [int(one[2]) for one in trips if one],
        "round_trips_seconds": seconds,
        "pytest_own_seconds": round(own, 2),
        "ways": {way: summary(found, len(course.hosts)) for way, found in samples.items()},
        "goals": [
            Goal("ssh:// as shipped / ours", 20, ratio(samples["stock"], samples["ours"])).shown(),
            Goal("ssh:// tuned, 8 processes / ours", 5, ratio(samples["tuned"], samples["ours"])).shown(),
            Goal(
                "controller CPU for each host: ours / ssh true over new connections",
                2,
                cpu_ratio(samples["ours"], samples["ssh_new"]),
                at_least=False,
            ).shown(),
            Goal("verdicts that differ", 0, len(differ), at_least=False).shown(),
        ],
    }


def _clients(fleet: Fleet, place: Place) -> tuple[Path, Path]:
    """The client's configuration without shared connections, and with those of a folder of its own."""
    text = SHARED.sub("", ssh_config(fleet).read_text(encoding="utf-8"))
    sockets = place.runtime / "bench"
    sockets.mkdir(parents=True, exist_ok=True)
    shared = f"Host *\n    ControlMaster auto\n    ControlPath {sockets}/%C\n    ControlPersist 300\n"
    stock, tuned = FOLDER / "stock_config", FOLDER / "tuned_config"
    stock.write_text(text, encoding="utf-8")
    tuned.write_text(shared + text, encoding="utf-8")
    return stock, tuned


def _floor(course: Course, place: Place, rounds: int) -> dict[str, list[Sample]]:
    """`ssh true` to the same hosts, over kept connections and over new ones."""
    desk = state.Desk(FOLDER, place.runtime / "bench")
    desk.names.write_text("".join(f"{name}\n" for name in course.hosts), encoding="utf-8")
    found: dict[str, list[Sample]] = {}
    for kept in (True, False):
        tool = tools.ssh_true(desk, kept=kept)
        variables = environment(CHECKOUT / ".venv" / "bin")
        runs = [course.meter.run(tool.owner, tool.command, variables, CHECKOUT) for _ in range(rounds + 1)]
        found[tool.name] = runs[1:]
    return found
