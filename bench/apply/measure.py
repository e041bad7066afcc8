"""The benchmark's course: fresh hosts for each tool, then runs without a change in turn, then one changed file."""

from __future__ import annotations

import shutil
import sys
from collections import defaultdict
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from bench.apply import figures, state, tools
from bench.apply.hosts import Lab
from bench.apply.meter import Meter, Sample, environment, metered
from bench.apply.tools import CHECKOUT, Tool
from province.errors import ProvinceError
from province.lab.commands import run
from province.manifest.build import Builder
from province.manifest.trust import MIRROR_KEY, load_trust, trust_folder

FOLDER = CHECKOUT / ".province" / "bench"
Series = defaultdict[str, list[Sample]]


@dataclass
class Course:
    """One benchmark: its lab, its desk, and the samples so far."""

    lab: Lab
    desk: state.Desk
    wanted: state.Wanted
    pyinfra: Path
    quick: bool
    first: Series = field(default_factory=lambda: defaultdict(list))
    again: Series = field(default_factory=lambda: defaultdict(list))

    @property
    def rivals(self) -> tuple[Tool, ...]:
        """Who brings empty hosts to the state, ours last: its hosts are those that the rest works on."""
        plain = () if self.quick else (tools.idiomatic(self.desk, "tuned"),)
        return (tools.with_pyinfra(self.desk, self.pyinfra), *plain, tools.ours())

    def sample(self, meter: Meter, tool: Tool) -> tuple[Sample, tools.Outcome]:
        """Run a tool once and say what it took."""
        sample = meter.run(tool.owner, tool.command, {**environment(CHECKOUT / ".venv/bin"), **tool.env}, CHECKOUT)
        outcome = tool.outcome(sample, len(self.lab.nodes))
        print(f"{tool.name:<12} {sample.seconds:7.1f} s  changed {outcome.changed}", file=sys.stderr, flush=True)
        return sample, outcome

    def unchanged(self, meter: Meter, tool: Tool) -> Sample:
        """Run a tool that must find nothing to do; ProvinceError if it changed a host."""
        sample, outcome = self.sample(meter, tool)
        if outcome.changed:
            changed = f"{tool.name} changed {outcome.changed} hosts that were as they should be"
            raise ProvinceError(changed, hint="\n  ".join(sample.output.splitlines()[-40:]))
        return sample

    def all_changed(self, meter: Meter, tool: Tool) -> Sample:
        """Run a tool that must change every host; ProvinceError if it did not."""
        sample, outcome = self.sample(meter, tool)
        if outcome.unchanged:
            raise ProvinceError(f"{tool.name} found nothing to change on {outcome.unchanged} hosts")
        return sample


def prepare(lab: Lab, *, quick: bool) -> Course:
    """Boot the lab, render what the hosts shall have, and install the rivals."""
    lab.boot()
    sockets = lab.place.runtime / "bench"
    sockets.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(FOLDER / "rendered", ignore_errors=True)
    desk = state.Desk(FOLDER, sockets)
    desk.folder.mkdir(parents=True, exist_ok=True)
    builder = Builder(lab.fleet, load_trust(lab.fleet))
    wanted = state.write(desk, builder, lab.nodes, lab.place.ssh / "operator")
    return Course(lab, desk, wanted, rivals(), quick)


def rivals() -> Path:
    """The program pyinfra, in an environment of its own from the lock's group `bench`."""
    venv = FOLDER / "venv"
    uv = CHECKOUT / ".province/uv/bin/uv"
    words = [uv, "sync", "--quiet", "--frozen", "--only-group", "bench", "--python", sys.executable]
    run(words, cwd=CHECKOUT, env={"UV_PROJECT_ENVIRONMENT": str(venv)})
    return venv / "bin" / "pyinfra"


def measure(lab: Lab, rounds: int, *, with_stock: bool, quick: bool) -> dict[str, object]:
    """All figures, for `rounds` runs without a change of each tool; ProvinceError when they are not comparable.

    quick: without plain tasks, and without the goals that are about them.
    """
    course = prepare(lab, quick=quick)
    _first(course)
    with _meter(course) as meter:
        _no_change(course, meter, rounds)
        _floor(course, meter, rounds)
        if with_stock:
            course.again["stock"].append(course.unchanged(meter, tools.idiomatic(course.desk, "stock")))
        _everything(course, meter, rounds)
    hosts = len(lab.nodes)
    return {
        "hosts": hosts,
        "files": _files(course),
        "first_application": {name: figures.summary(samples, hosts) for name, samples in course.first.items()},
        "no_change": {name: figures.summary(samples, hosts) for name, samples in course.again.items()},
        "goals": [goal.shown() for goal in figures.goals(course.first, course.again)],
    }


def _files(course: Course) -> dict[str, int]:
    """How many files the first node has, by what is applied."""
    fleet, node = course.lab.fleet, course.lab.nodes[0]
    return {
        "ours, tuned, pyinfra": sum(len(one.files) for one in course.wanted[node.name]),
        "everything": len(Builder(fleet, load_trust(fleet)).build(node).files),
    }


def _first(course: Course) -> None:
    """Each tool on hosts that have nothing; afterwards they must be alike, and ours must agree."""
    seen: dict[str, str] = {}
    for number, tool in enumerate(course.rivals):
        if number:
            course.lab.renew()
        with _meter(course) as meter:
            course.first[tool.name].append(course.all_changed(meter, tool))
            now = state.look(course.lab.on, course.wanted)
            state.refuse_difference(now, seen or now, tool.name)
            seen = now
            course.unchanged(meter, tools.ours())


def _no_change(course: Course, meter: Meter, rounds: int) -> None:
    """The three in turn, so that whatever else the machine does meets all of them; a first turn warms up.

    Plain tasks on many hosts take longer than the five minutes for which connections are kept. So ours, which come
    after them, run once more before: both are measured over kept connections.
    """
    for number in range(rounds + 1):
        for tool in course.rivals:
            if tool == course.rivals[-1]:
                course.unchanged(meter, tool)
            sample = course.unchanged(meter, tool)
            if number:
                course.again[tool.name].append(sample)


def _floor(course: Course, meter: Meter, rounds: int) -> None:
    for kept in (True, False):
        tool = tools.ssh_true(course.desk, kept=kept)
        course.sample(meter, tool)
        course.again[tool.name] += [course.sample(meter, tool)[0] for _ in range(rounds)]


def _everything(course: Course, meter: Meter, rounds: int) -> None:
    """The whole manifest: with kept connections, with new ones, and with one file that changes."""
    tool = tools.everything()
    course.sample(meter, tools.enrol())
    course.first[tool.name].append(course.all_changed(meter, tool))
    course.again[tool.name] += [course.unchanged(meter, tool) for _ in range(rounds)]
    for _ in range(rounds):
        meter.close(tool.owner)
        course.again["everything_new"].append(course.unchanged(meter, tool))
    changed = tools.everything(_other_trust(course))
    for _ in range(rounds):
        course.again["one_file"] += [course.all_changed(meter, one) for one in (changed, tool)]


def _other_trust(course: Course) -> Path:
    """A copy of the trust anchors whose mirror key has a remark: the same key, one file of each host differs."""
    root = course.desk.folder / "trust"
    own = trust_folder(course.lab.fleet)
    shutil.copytree(own, root / own.parent.name / own.name, dirs_exist_ok=True)
    key = root / own.parent.name / own.name / MIRROR_KEY
    begin, rest = (own / MIRROR_KEY).read_text(encoding="utf-8").split("\n", 1)
    key.write_text(f"{begin}\nComment: one file changes\n{rest}", encoding="utf-8")
    return root


def _meter(course: Course) -> AbstractContextManager[Meter]:
    """A meter for the hosts as they are now."""
    owners = {tool.owner for tool in course.rivals} | {"stock", "ssh_kept", "ssh_new"}
    return metered(course.lab.place, course.lab.guests, owners)
