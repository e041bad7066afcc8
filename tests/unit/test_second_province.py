"""Another province fits by data alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from province.docs.pages import pages
from province.exports.consumers import CONSUMERS
from province.exports.sources import Sources
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet

from . import second_province


@pytest.fixture
def second(tmp_path: Path) -> Fleet:
    inventories = second_province.write(tmp_path)
    overlay = {
        "plugin": "province",
        "id": "lab",
        "platform": {
            "id": "container",
            "sets_clock": False,
            "zone_devices": "own",
            "cgroup_driver": "cgroupfs",
            "cgroup_v1": True,
            "tunnels": "wireguard-go",
            "routing_domains": "rules",
            "fair_queue": False,
            "kernel_audit": False,
            "apparmor": False,
            "boots_itself": False,
            "reserved": {"cpu_millis": 100, "memory_mib": 512},
            "integrity_scan": "monthly",
            "malware_scan": "monthly",
            "intrusion_rules": "daily",
            "signatures_days": 7,
        },
        "packages_from": "router",
        "certificates_from": "controller",
        "automation": {"name": "ops", "comment": "Automation", "uid": 2000},
        "automation_from": ["router"],
        "break_glass": {"name": "sealed", "comment": "Emergencies", "uid": 2900},
        "host_sizes": "shared",
        "databases": {"instances": 1, "cpu_millicores": 100, "memory_mib": 256, "storage_gib": 1},
        "requires_verified": False,
    }
    folder = inventories / "lab"
    folder.mkdir()
    (folder / "environment.yml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return load_fleet("lab", root=inventories)


@pytest.mark.proves(93)
def test_nine_communes_make_eighteen_nodes_in_their_own_ranges(second: Fleet) -> None:
    assert len(second.communes) == 9
    assert len(second.nodes) == 18
    assert {str(node.interface("users").address.ipv4.ip)[:5] for node in second.nodes} == {"10.1.", "10.2."}
    assert {node.fqdn.split(".", 1)[1] for node in second.nodes} == {"second.example"}


def test_its_sites_have_their_own_hosts(second: Fleet) -> None:
    assert {host.name for host in second.hosts.values() if host.site} == {
        f"{site}-{name}" for site in ("east", "west") for name in ("gateway-1", "gateway-2", "control-plane-1")
    }


def test_its_waves_end_with_its_own_islands(second: Fleet) -> None:
    last = {code for wave in second.waves[-2:] for code, _ in wave.nodes}
    assert last == {"10008", "10009"}


def test_it_is_exported_without_a_bastion_and_without_a_resolver(second: Fleet, tmp_path: Path) -> None:
    made = {name: files(Sources(second, tmp_path, date(2026, 11, 26))) for name, files in CONSUMERS.items()}
    assert made["dns"] == {}
    assert "ProxyJump" not in made["ssh"]["ssh_config"]
    assert made["public-dns"] == {}, "nobody answers for it on the Internet"
    assert all(files for name, files in made.items() if name not in {"dns", "public-dns"})


def test_the_pages_about_systems_are_of_its_own(second: Fleet) -> None:
    found = pages(second)
    assert "## archive" in "".join(found.values())
    assert "An Giang" not in "".join(found.values())
