"""What is wrong with a role is said by file, key and mend, for all roles together."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.findings import BadData
from province.manifest.roles import by_name, load_capabilities

GOOD = "order: 1\napplies_to: [every-host]\n"


def role(folder: Path, name: str, text: str) -> Path:
    path = folder / "ansible" / "roles" / name / "manifest.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path.parents[1]


def findings(roles: Path) -> str:
    with pytest.raises(BadData) as caught:
        load_capabilities(roles)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD + "package: [chrony]", 'package: unknown key; did you mean "packages"?'),
        ("order: 1\napplies_to: [edges]", 'no such class of hosts or duty, did you mean "edge"?'),
        ("order: 1\napplies_to: [duty/tyme]", 'did you mean "duty/time"?'),
        (GOOD + "listens: [{port: 1, from: [managment], process: x}]", 'did you mean "management"?'),
        (GOOD + "listens: [{port: 0, from: [any], process: x}]", "listens.0.port"),
        (
            GOOD + "files: {/etc/a: {template: common/time/a.j2, check: 'a -t'}}",
            "must name the file to check once, as %s",
        ),
        (GOOD + "files: {/etc/a: {template: common/dns/a.j2}}", "belongs to another capability"),
        (GOOD + "files: {/etc/a: {template: common/time/a.j2, mode: '644'}}", "files./etc/a.mode"),
        (GOOD + "units: {a.service: {reload: [x]}}", 'did you mean "reload_on"?'),
        ("applies_to: [every-host]", "order: missing"),
        ("- order", "must be keys and values"),
    ],
)
def test_a_mistake_in_a_role_names_its_place_and_its_mend(text: str, expected: str, tmp_path: Path) -> None:
    message = findings(role(tmp_path, "common_time", text))
    assert expected in message
    assert "ansible/roles/common_time/manifest.yml" in message


def test_the_mistakes_of_all_roles_come_together(tmp_path: Path) -> None:
    role(tmp_path, "common_time", GOOD + "package: []")
    message = findings(role(tmp_path, "edge_dns", GOOD + "file: {}"))
    assert "common_time" in message
    assert "edge_dns" in message
    assert "2 problems; nothing was changed" in message


def test_a_role_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    assert "begin it with one of common, edge, dc" in findings(role(tmp_path, "site_time", GOOD))


def test_capabilities_come_in_their_order(tmp_path: Path) -> None:
    role(tmp_path, "common_time", GOOD.replace("1", "9"))
    roles = role(tmp_path, "common_network", GOOD)
    assert [one.capability for one in load_capabilities(roles)] == ["network", "time"]


def test_an_unknown_capability_is_answered_with_the_nearest() -> None:
    with pytest.raises(ProvinceError, match='did you mean "firewall"'):
        by_name(load_capabilities(), "firewal")
