"""Exports before those who read them: BIND's checker of zones, Prometheus' own tool, the OpenSSH client.

They need no network and no lab; `tools/consumers` installs them. NetBox and Backstage have no checker that Debian or
PyPI ships: `tests/unit/test_export_files.py` holds their files to the published columns and fields.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest

from province.exports import folder
from province.exports.consumers import CONSUMERS
from province.exports.sources import Sources
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.enrolled import NOBODY, Enrolled
from province.toolchain import cache


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=str(cache.directory() / "consumers"))
    if found is None:
        pytest.fail(f"{name} is not installed; as root: tools/consumers")
    return found


def asked(name: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [program(name), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module", params=["production", "lab"])
def fleet(request: pytest.FixtureRequest) -> Fleet:
    return load_fleet(request.param)


def export(
    fleet: Fleet, consumer: str, place: Path, *, enrolled: Enrolled = NOBODY, authority: str | None = None
) -> Path:
    sources = Sources(fleet, place, date(2026, 11, 26), enrolled=enrolled, host_authority=authority)
    folder.carry_out(folder.plan(place, CONSUMERS[consumer](sources)))
    return place


def key(place: Path) -> str:
    """A new public key."""
    assert asked("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "made by a test", "-f", place).returncode == 0
    return place.with_name(f"{place.name}.pub").read_text(encoding="utf-8")


def test_bind_takes_every_zone_without_a_warning(fleet: Fleet, tmp_path: Path) -> None:
    zones = sorted(export(fleet, "dns", tmp_path).glob("db.*"))
    assert len(zones) > 2
    for file in zones:
        name = file.name.removeprefix("db.")
        done = asked("named-checkzone", "-i", "full", "-k", "fail", "-n", "fail", "-r", "fail", name, file)
        assert (done.returncode, done.stdout.splitlines()) == (
            0,
            [f"zone {name}/IN: loaded serial 2026112600", "OK"],
        ), done.stdout


def test_bind_refuses_a_zone_that_is_spoilt(fleet: Fleet, tmp_path: Path) -> None:
    zone = export(fleet, "dns", tmp_path) / f"db.{fleet.province.domain}"
    zone.write_text(zone.read_text(encoding="utf-8") + "dns IN CNAME time\n", encoding="utf-8")
    assert "CNAME and other data" in asked("named-checkzone", fleet.province.domain, zone).stdout


def scrape(place: Path) -> Path:
    """A configuration whose one job finds its targets in the export."""
    config = {"scrape_configs": [{"job_name": "hosts", "file_sd_configs": [{"files": [str(place / "hosts.json")]}]}]}
    file = place / "prometheus.yml"
    file.write_text(json.dumps(config), encoding="utf-8")
    return file


def test_prometheus_discovers_every_host_with_its_labels(fleet: Fleet, tmp_path: Path) -> None:
    config = scrape(export(fleet, "prometheus", tmp_path))
    checked = asked("promtool", "check", "config", config)
    assert checked.returncode == 0, checked.stderr
    done = asked("promtool", "check", "service-discovery", "--timeout=2s", config, "hosts")
    labels = [found["labels"] for found in json.loads(done.stdout)]
    assert {one["host"] for one in labels} == set(fleet.hosts)
    node = next(one for one in labels if one["host"] == "phu-quoc-people")
    assert {"class": "edge", "commune": "phu-quoc", "body": "people"}.items() <= node.items()
    assert node["instance"] == f"{fleet.hosts['phu-quoc-people'].fqdn}:80", "a job adds the exporter's port"


def test_prometheus_refuses_targets_that_are_spoilt(fleet: Fleet, tmp_path: Path) -> None:
    config = scrape(export(fleet, "prometheus", tmp_path))
    (tmp_path / "hosts.json").write_text('[{"targets": ["a"], "labels": {"0 a": "b"}}]', encoding="utf-8")
    assert asked("promtool", "check", "config", config).returncode != 0


def effective(config: Path, host: str) -> dict[str, str]:
    """What the client would do to reach a host."""
    done = asked("ssh", "-G", "-F", config, host)
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


def test_ssh_reaches_every_host_at_its_address_through_the_bastion(fleet: Fleet, tmp_path: Path) -> None:
    place = export(fleet, "ssh", tmp_path / "100 % ours", authority=key(tmp_path / "authority"))
    config = place / "ssh_config"
    chosen = ("phu-quoc-party", f"long-xuyen-people.{fleet.province.domain}", "long-xuyen-services-1")
    for name in chosen:
        host = fleet.hosts[name.partition(".")[0]]
        found = effective(config, name)
        assert found["hostname"] == str(host.management.ipv4.ip)
        assert found["hostkeyalias"] == host.fqdn
        assert fleet.hosts[found["proxyjump"]].host_class == "bastion"
        assert found["stricthostkeychecking"] in {"yes", "true"}
        assert found["userknownhostsfile"] == str(place / "known_hosts")
        assert found["hostkeyalgorithms"] == "ssh-ed25519-cert-v01@openssh.com"
    bastion = effective(config, "rach-gia-bastion-1")
    assert "proxyjump" not in bastion
    assert bastion["stricthostkeychecking"] in {"yes", "true"}
    assert "proxyjump" not in effective(config, "somebody.else.example")


def test_ssh_finds_the_authority_for_hosts_of_the_province_alone(fleet: Fleet, tmp_path: Path) -> None:
    authority = key(tmp_path / "authority")
    known = export(fleet, "ssh", tmp_path / "ssh", authority=authority) / "known_hosts"
    fingerprint = asked("ssh-keygen", "-l", "-f", tmp_path / "authority.pub").stdout.split()[1]
    for host in fleet.hosts.values():
        if host.site:
            found = asked("ssh-keygen", "-l", "-F", host.fqdn, "-f", known)
            assert found.stdout.splitlines()[0] == f"# Host {host.fqdn} found: line 2 CA"
            assert fingerprint in found.stdout.split()
    assert asked("ssh-keygen", "-F", "somebody.else.example", "-f", known).returncode != 0


def test_ssh_finds_the_key_of_an_enrolled_host(fleet: Fleet, tmp_path: Path) -> None:
    shown = key(tmp_path / "host")
    enrolled = Enrolled(keys={"phu-quoc-party": {"ssh_host_ed25519_key": shown.strip()}})
    known = export(fleet, "ssh", tmp_path / "ssh", enrolled=enrolled) / "known_hosts"
    found = asked("ssh-keygen", "-l", "-F", fleet.hosts["phu-quoc-party"].fqdn, "-f", known)
    fingerprint = asked("ssh-keygen", "-l", "-f", tmp_path / "host.pub").stdout.split()[1]
    assert fingerprint in found.stdout.split()
    assert asked("ssh-keygen", "-F", fleet.hosts["phu-quoc-people"].fqdn, "-f", known).returncode != 0
