"""The benchmark of applying: how it reads tools, control groups and hosts, and what it makes of samples."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.apply import figures, hosts, state, tools
from bench.apply.meter import Sample, cpu_microseconds, group_path
from bench.apply.tools import Outcome, Tool, read_ansible, read_pyinfra
from province.errors import ProvinceError
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.trust import stand_in

RECAP = """\
ok: [a-party]

PLAY RECAP *********************************************************************
a-party                    : ok=16   changed=2    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0
a-people                   : ok=16   changed=0    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0
b-party                    : ok=0    changed=0    unreachable=1    failed=0    skipped=0    rescued=0    ignored=0
b-people                   : ok=3    changed=1    unreachable=0    failed=1    skipped=0    rescued=0    ignored=0
"""

PYINFRA = """\
--> Connecting to hosts...
    [a-party]  Connected
    [a-people] Connected

--> Starting operation: Configure apt
    [a-party]  Success
    [a-people] No changes

--> Starting operation: Configure chrony
    [a-people] No changes
    [a-party]  No changes

--> Results:
    Operation          Hosts   Success   Error   No Change
    Configure chrony   2       1         -       3
"""

PUT = re.compile(r"""(?:put\("[^"]+", "|inventory_hostname \}\})(/[^"]+)""")
"""The paths of the rendered files that a rival puts."""

SAMPLE = Sample(seconds=2.0, controller=1.0, hosts=4.0, sent=8_000, received=800, code=0, output="")


def test_ansible_counts_only_hosts_that_it_reached_and_that_did_not_fail() -> None:
    assert read_ansible(RECAP) == Outcome(changed=1, unchanged=1)


def test_pyinfra_counts_a_host_as_changed_by_any_operation() -> None:
    assert read_pyinfra(PYINFRA) == Outcome(changed=1, unchanged=1)


def test_a_run_that_did_not_reach_every_host_is_no_sample() -> None:
    tool = Tool("tuned", "tuned", ("ansible-playbook",), read_ansible)
    assert tool.outcome(replace(SAMPLE, output=RECAP), hosts=2) == Outcome(1, 1)
    with pytest.raises(ProvinceError, match="tuned reached 2 of 4 hosts"):
        tool.outcome(replace(SAMPLE, output=RECAP), hosts=4)


def test_a_run_that_failed_is_no_sample() -> None:
    tool = Tool("tuned", "tuned", ("ansible-playbook",), read_ansible)
    with pytest.raises(ProvinceError, match="exit code 2"):
        tool.outcome(replace(SAMPLE, output=RECAP, code=2), hosts=2)


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("12:cpuset:/\n1:name=systemd:/prov-1-a/init.scope\n0::/prov-1-a/init.scope\n", "prov-1-a"),
        ("0::/machine.slice/machine-a.scope/payload/init.scope\n", "machine.slice/machine-a.scope/payload"),
    ],
)
def test_the_group_of_a_container_is_that_of_its_first_process(text: str, group: str) -> None:
    assert group_path(text) == group


def test_cpu_time_is_read_in_microseconds() -> None:
    assert cpu_microseconds("usage_usec 856997\nuser_usec 359071\nsystem_usec 497925\n") == 856997


def test_a_series_is_summed_up_by_medians_for_each_host() -> None:
    samples = [SAMPLE, replace(SAMPLE, seconds=3.0, controller=2.0), replace(SAMPLE, seconds=90.0, sent=80_000)]
    assert figures.summary(samples, hosts=4) == {
        "runs": 3,
        "seconds": 3.0,
        "seconds_least": 2.0,
        "seconds_most": 90.0,
        "controller_cpu_ms_per_host": 250.0,
        "host_cpu_ms_per_host": 1000.0,
        "bytes_to_host": 2000,
        "bytes_from_host": 200,
        "seconds_of_a_6_mbps_line": round(2000 * 8 / 6e6, 3),
    }


def test_goals_compare_medians_in_the_right_direction() -> None:
    fast, slow = [SAMPLE], [replace(SAMPLE, seconds=50.0, controller=2.5)]
    again = dict.fromkeys(("ours", "everything", "ssh_new", "ssh_kept"), fast)
    again |= {"tuned": slow, "pyinfra": slow, "everything_new": slow}
    found = {goal.what: goal for goal in figures.goals({"tuned": fast, "ours": slow}, again)}
    assert found["no change: idiomatic Ansible, tuned / ours"].found == 25
    assert found["no change: idiomatic Ansible, tuned / ours"].met
    assert found["first application: idiomatic Ansible, tuned / ours"].found == 1 / 25
    assert not found["first application: idiomatic Ansible, tuned / ours"].met
    cpu = found["controller CPU for each host, new connections: everything we manage / ssh true"]
    assert (cpu.found, cpu.met) == (2.5, True)
    assert cpu.shown()["at_most"] == 3


def test_the_rivals_put_the_very_files_that_our_manifest_names(tmp_path: Path) -> None:
    fleet = load_fleet("lab")
    desk = state.Desk(tmp_path / "desk", tmp_path / "sockets")
    node = next(host for host in fleet.hosts.values() if host.host_class == "edge")
    wanted = state.write(desk, Builder(fleet, stand_in(fleet)), [node], Path("/key"))
    files = {path: file.content for one in wanted[node.name] for path, file in one.files.items()}
    own = desk.rendered / node.name
    rendered = {f"/{path.relative_to(own)}": path.read_text() for path in own.rglob("*") if path.is_file()}
    assert rendered == files
    for rival in ("idiomatic/roles", "with_pyinfra"):
        texts = "".join(path.read_text() for path in (tools.HERE / rival).rglob("*") if path.suffix in (".yml", ".py"))
        assert set(PUT.findall(texts)) == set(files), rival
    assert set(json.loads(desk.ansible.read_text())["all"]["hosts"]) == {node.name}
    assert desk.names.read_text() == f"{node.name}\n"


def test_hosts_in_another_state_cannot_be_compared() -> None:
    state.refuse_difference({"a": "x\ny"}, {"a": "x\ny"}, "pyinfra")
    with pytest.raises(ProvinceError, match="pyinfra left a in another state"):
        state.refuse_difference({"a": "x\nz"}, {"a": "x\ny"}, "pyinfra")


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_commune_has_two_nodes(number: int) -> None:
    with pytest.raises(ProvinceError, match="every commune has two"):
        hosts.plan(number)
