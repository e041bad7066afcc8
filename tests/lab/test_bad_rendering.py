"""A template that writes nonsense for sshd or nftables is refused by a real program before any host is touched."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.render import TEMPLATES
from province.manifest.trust import load_trust
from province.ops.node_ssh import SshContact
from province.ops.node_wire import ask, request
from province.ops.rehearsal import rehearse

pytestmark = pytest.mark.lab

FLEET = load_fleet("lab")
NODE = next(host for host in FLEET.hosts.values() if host.host_class == "edge")


@pytest.mark.parametrize(
    ("template", "part", "good", "bad"),
    [
        ("common/ssh/etc/ssh/sshd_config.j2", "", "PermitRootLogin no", "PermitRotLogin no"),
        (
            "common/firewall/etc/nftables.conf.j2",
            "common/firewall/parts/node.nft.j2",
            "iifname @zones iifname . ip saddr != @zone_sources4 counter goto refused",
            "iifname @zones iifname . ip saddr != @zone_sources4 counter goto nowhere",
        ),
    ],
)
def test_the_line_of_the_template_is_named_and_the_host_is_as_it_was(
    template: str, part: str, good: str, bad: str, tmp_path: Path
) -> None:
    templates = tmp_path / "templates"
    shutil.copytree(TEMPLATES, templates)
    broken = templates / (part or template)
    text = broken.read_text(encoding="utf-8")
    assert good in text
    broken.write_text(text.replace(good, bad), encoding="utf-8")
    number = next(n for n, line in enumerate(text.splitlines(), start=1) if good in line)
    manifest = Builder(FLEET, load_trust(FLEET), templates=templates).build(NODE)
    (finding,) = rehearse(FLEET, [manifest], templates)
    assert finding.file == f"templates/{template}"
    assert finding.key == f"line {number} of {part or template}"
    assert finding.value == bad
    assert ask(SshContact(FLEET, NODE.name), request("status"))["differs"] == []
