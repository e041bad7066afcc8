"""From roles and templates to a manifest: contradictions, templates that do not fit, parts, digests."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.manifest import Manifest
from province.manifest.trust import stand_in


@pytest.fixture(scope="module")
def lab() -> Fleet:
    return load_fleet("lab")


@pytest.fixture
def edge(lab: Fleet) -> Host:
    return lab.nodes[0]


class Workshop:
    """A folder of roles and templates of a test's own."""

    def __init__(self, folder: Path, fleet: Fleet) -> None:
        self.roles, self.templates, self.fleet = folder / "ansible" / "roles", folder / "templates", fleet

    def role(self, name: str, text: str, **templates: str) -> None:
        folder = self.roles / name
        folder.mkdir(parents=True)
        folder.joinpath("manifest.yml").write_text(f"order: 1\napplies_to: [every-host]\n{text}", encoding="utf-8")
        scope, _, capability = name.partition("_")
        place = self.templates / scope / capability
        place.mkdir(parents=True, exist_ok=True)
        for template, content in templates.items():
            place.joinpath(f"{template}.j2").write_text(content, encoding="utf-8")

    def build(self, host: Host, only: Collection[str] = ()) -> Manifest:
        builder = Builder(self.fleet, stand_in(self.fleet), roles=self.roles, templates=self.templates)
        return builder.build(host, only)

    def refusal(self, host: Host) -> str:
        with pytest.raises(BadData) as caught:
            self.build(host)
        return str(caught.value)


@pytest.fixture
def workshop(tmp_path: Path, lab: Fleet) -> Workshop:
    return Workshop(tmp_path, lab)


def file(role: str, template: str, path: str = "/etc/a", more: str = "") -> str:
    return f"files: {{'{path}': {{template: {role.replace('_', '/', 1)}/{template}.j2, {more}}}}}"


def test_two_capabilities_that_claim_one_file_are_both_named(workshop: Workshop, edge: Host) -> None:
    workshop.role("common_one", file("common_one", "a"), a="{{ header }}\n")
    workshop.role("common_two", file("common_two", "a"), a="{{ header }}\n")
    message = workshop.refusal(edge)
    assert "ansible/roles/common_two/manifest.yml" in message
    assert "files./etc/a: one too claims this file" in message


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("sysctls: {a.b: '1'}", "sysctls: {a.b: '0'}", "sysctls.a.b: one too claims it"),
        ("units: {a.service: {}}", "units: {a.service: {}}", "units.a.service: one too claims it"),
        ("users: {root: {}}", "users: {root: {}}", "users.root: one too claims it"),
    ],
)
def test_contradictions_of_two_capabilities_are_refused(
    one: str, two: str, expected: str, workshop: Workshop, edge: Host
) -> None:
    workshop.role("common_one", one)
    workshop.role("common_two", two)
    assert expected in workshop.refusal(edge)


def test_two_capabilities_may_want_the_same_of_the_kernel(workshop: Workshop, edge: Host) -> None:
    workshop.role("common_one", "sysctls: {net.a: '1'}")
    workshop.role("common_two", "sysctls: {net.a: '1'}")
    assert workshop.build(edge).sysctls["net.a"].value == "1"


def test_a_variable_that_does_not_exist_names_template_line_and_host(workshop: Workshop, edge: Host) -> None:
    workshop.role("common_one", file("common_one", "a"), a="{{ header }}\nfirst\n{{ host_nmae }}\n")
    message = workshop.refusal(edge)
    assert "templates/common/one/a.j2" in message
    assert "line 3" in message
    assert "'host_nmae' is undefined" in message
    assert edge.name in message


@pytest.mark.parametrize(
    ("more", "key", "said"),
    [
        ("listens:\n  - {port: 1, from: [zone/userz], process: a}", "listens.from", "is not connected to a zone userz"),
        ("sends:\n  - {port: 1, to: [zone/dmz]}", "sends.to", "is not connected to a zone dmz"),
        ("sends:\n  - {port: 1, to: [domain/goverment]}", "sends.to", "there is no routing domain goverment"),
    ],
)
def test_a_zone_that_a_host_does_not_have_names_the_line_of_the_role(
    more: str, key: str, said: str, workshop: Workshop, edge: Host
) -> None:
    workshop.role("common_one", more)
    text = (workshop.roles / "common_one/manifest.yml").read_text(encoding="utf-8")
    line = next(n for n, one in enumerate(text.splitlines(), start=1) if "port: 1" in one)
    message = workshop.refusal(edge)
    assert "ansible/roles/common_one/manifest.yml\n" in message
    assert f"  {key}: " in message
    assert said in message
    assert f" (line {line})\n" in message


def test_a_template_with_wrong_syntax_names_its_line(workshop: Workshop, edge: Host) -> None:
    workshop.role("common_one", file("common_one", "a"), a="{{ header }}\n{% if %}\n")
    message = workshop.refusal(edge)
    assert "templates/common/one/a.j2" in message
    assert "line 2" in message


def test_a_template_that_is_not_there_is_named(workshop: Workshop, edge: Host) -> None:
    workshop.role("common_one", file("common_one", "missing"))
    assert "templates/common/one/missing.j2" in workshop.refusal(edge)


def test_a_wrong_condition_names_the_role(workshop: Workshop, edge: Host) -> None:
    workshop.role("common_one", file("common_one", "a", more="when: host_clas == 'edge'"), a="{{ header }}\n")
    message = workshop.refusal(edge)
    assert "ansible/roles/common_one/manifest.yml" in message
    assert "'host_clas' is undefined" in message


def test_a_file_must_say_what_made_it(workshop: Workshop, edge: Host) -> None:
    workshop.role("common_one", file("common_one", "a"), a="no header\n")
    assert "templates/common/one/a.j2 does not begin with its header" in workshop.refusal(edge)


def test_a_rendered_file_says_what_made_it_from_which_fact_and_how_to_change_it(lab: Fleet, edge: Host) -> None:
    lines = Builder(lab, stand_in(lab)).build(edge).files["/etc/chrony/chrony.conf"].content.splitlines()
    assert "templates/common/time/etc/chrony/chrony.conf.j2" in lines[0]
    assert lab.origins[f"communes/{edge.commune}"] in lines[1]
    assert f"--limit {edge.name} --tags time" in lines[2]


def test_a_list_makes_a_file_for_each_of_its_elements(workshop: Workshop, edge: Host) -> None:
    text = file("common_one", "a", "/etc/{{ item.device }}", "each: interfaces")
    workshop.role("common_one", text, a="{{ header }}\n{{ item.ipv4 }}\n")
    files = workshop.build(edge).files
    assert list(files) == [f"/etc/{interface.device}" for interface in edge.interfaces]
    assert str(edge.interfaces[1].address.ipv4) in files[f"/etc/{edge.interfaces[1].device}"].content


def test_the_program_behind_a_door_may_depend_on_the_platform(workshop: Workshop, edge: Host) -> None:
    workshop.role("common_one", "listens: [{port: 1, from: [any], process: '{{ platform_tunnels }}'}]")
    assert [door.process for door in workshop.build(edge).listens] == [workshop.fleet.environment.platform.tunnels]


def test_a_part_has_only_what_its_capability_makes(lab: Fleet, edge: Host) -> None:
    part = Builder(lab, stand_in(lab)).build(edge, only=("time",))
    assert part.capabilities == ("time",)
    assert part.packages == ("chrony",)
    assert {file.capability for file in part.files.values()} == {"time"}
    assert not part.sysctls
    assert not part.users


def test_a_part_renders_its_files_as_the_whole_does(lab: Fleet, edge: Host) -> None:
    builder = Builder(lab, stand_in(lab))
    whole = builder.build(edge).files
    for capability in ("firewall", "kernel"):
        part = builder.build(edge, only=(capability,)).files
        assert part == {path: whole[path] for path in part}


def test_the_digest_names_what_the_host_gets(workshop: Workshop, edge: Host) -> None:
    workshop.role("common_one", file("common_one", "a"), a="{{ header }}\n{{ host_name }}\n")
    first, again = workshop.build(edge), workshop.build(edge)
    other = workshop.build(workshop.fleet.nodes[1])
    assert first.digest == again.digest
    assert first.digest != other.digest


def test_settings_of_a_shared_kernel_are_written_down_but_not_applied(lab: Fleet, edge: Host) -> None:
    sysctls = Builder(lab, stand_in(lab)).build(edge).sysctls
    assert lab.environment.platform.shared_sysctls
    assert not sysctls["kernel.randomize_va_space"].live
    assert sysctls["net.ipv4.tcp_syncookies"].live


def test_every_node_has_a_manifest_of_its_own(data: Path) -> None:
    fleet = load_fleet("production", data)
    builder = Builder(fleet, stand_in(fleet))
    digests = {builder.build(node).digest for node in fleet.nodes}
    assert len(digests) == 2 * fleet.province.unit_count


def test_a_key_asks_a_certificate_for_the_host_and_the_names_that_are_not_empty(workshop: Workshop, edge: Host) -> None:
    names = '["dns.{{ host_fqdn }}", "{{ management_ipv4 }}", "{{ host_duties | join }}"]'
    workshop.role("common_one", f"guarded: true\nkeys: {{/etc/a.key: {{kind: x509-ec, names: {names}}}}}")
    key = workshop.build(edge).keys["/etc/a.key"]
    assert (key.subject, key.names[0], len(key.names)) == (edge.fqdn, f"dns.{edge.fqdn}", 2)
    assert key.public("/etc/a.key") == "/etc/a.key.csr"
    (part,) = workshop.build(edge).parts
    assert (part.guarded, part.keys) == (True, ("/etc/a.key",))


def test_a_key_and_a_file_in_one_place_contradict_each_other(workshop: Workshop, edge: Host) -> None:
    workshop.role("common_one", file("common_one", "a", "/etc/wg.key.pub"), a="{{ header }}\n")
    workshop.role("common_two", "keys: {/etc/wg.key: {kind: wireguard}}")
    assert "keys./etc/wg.key: one too claims /etc/wg.key.pub" in workshop.refusal(edge)


def test_only_certificates_have_names(workshop: Workshop, edge: Host) -> None:
    workshop.role("common_one", "keys: {/etc/wg.key: {kind: wireguard, names: [a.test]}}")
    assert "only a key of kind x509-ec has names" in workshop.refusal(edge)
