"""Rules about the roles themselves: every template is used, every role says what it reads, none asks where it is."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, meta

from province.fleet.fleet import Fleet
from province.lab import bootstrap
from province.lab.ca import HOST_KEY
from province.manifest.build import Builder
from province.manifest.capability import CHECKOUT, Capability
from province.manifest.cluster import image_view
from province.manifest.roles import ROLES, load_capabilities
from province.manifest.trust import stand_in
from province.manifest.view import host_facts

TEMPLATES = CHECKOUT / "templates"
NODE_SIDE = CHECKOUT / "ansible" / "plugins" / "module_utils" / "province_node"
STANDARD = sys.stdlib_module_names | {"_sha2"}
"""The standard library; the last is there since Python 3.12, and the code does without it before."""
BUILT = {
    *("header", "item", "listens", "sends", "sysctls", "node_sends", "node_listens"),
    *("ssh_user_ca", "mirror_key", "service_ca", "devices_ca", "host_certificate", "dns_anchors", "copies_seal"),
}
"""Variables of templates that are worked out while a manifest is built, so that Ansible has none of that name."""

CAPABILITIES = load_capabilities()
each_capability = pytest.mark.parametrize("one", CAPABILITIES, ids=lambda one: one.role)


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def with_parts(template: str) -> set[str]:
    """A template and all that it includes or imports."""
    tree = Environment(autoescape=False).parse((TEMPLATES / template).read_text(encoding="utf-8"))  # noqa: S701 - only parsed
    parts = [part for part in meta.find_referenced_templates(tree) if part]
    return {template}.union(*(with_parts(part) for part in parts))


def sources(one: Capability) -> list[str]:
    """Every text of a capability that is rendered."""
    doors: list[Any] = [*one.listens, *one.sends]
    things: list[Any] = [*one.files.values(), *one.keys.values(), *one.units.values(), *doors]
    conditional = [*one.packages, *things]
    repeated = [*things, *one.users.values()]
    values = (value for user in one.users.values() for value in (user.uid, user.comment, user.home) if value)
    return [
        *(
            (TEMPLATES / part).read_text(encoding="utf-8")
            for spec in one.files.values()
            for part in with_parts(spec.template)
        ),
        *one.files,
        *one.keys,
        *one.units,
        *one.users,
        *(str(door.port) for door in doors),
        *(door.process for door in one.listens),
        *one.sysctls.values(),
        *(name for key in one.keys.values() for name in key.names),
        *values,
        *(f"{{{{ {name} }}}}" for name in (spec.each for spec in repeated if spec.each)),
        *(f"{{{{ {spec.when} }}}}" for spec in conditional if spec.when),
    ]


def test_every_template_of_a_host_is_used() -> None:
    used = set().union(*(with_parts(spec.template) for one in CAPABILITIES for spec in one.files.values()))
    there = {
        path.relative_to(TEMPLATES).as_posix()
        for scope in ("common", "edge", "datacentre")
        for path in (TEMPLATES / scope).rglob("*.j2")
    }
    assert there == used


@each_capability
def test_a_role_says_exactly_what_it_reads(one: Capability, fleet: Fleet) -> None:
    environment = Environment(autoescape=False)  # noqa: S701 - only parsed
    read = set().union(*(meta.find_undeclared_variables(environment.parse(text)) for text in sources(one)))
    facts = {**host_facts(fleet, fleet.nodes[0]), **image_view((), "")}
    options = load(ROLES / one.role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    assert read - set(facts) <= BUILT
    assert set(options) == read & set(facts)
    kinds = {str: "str", bool: "bool", int: "int", float: "float", list: "list", dict: "dict"}
    assert {name: option["type"] for name, option in options.items()} == {
        name: kinds[type(facts[name])] for name in options
    }


@each_capability
def test_a_role_is_one_task_that_applies_its_capability(one: Capability) -> None:
    tasks = load(ROLES / one.role / "tasks" / "main.yml")
    assert [task["province_node"] for task in tasks] == [{"capability": one.capability}]


@each_capability
def test_a_role_names_controls_and_rows_that_exist(one: Capability, fleet: Fleet) -> None:
    assert set(one.controls) <= set(fleet.controls)
    assert set(one.features) <= set(fleet.features)


def test_no_role_asks_which_environment_it_is_in(fleet: Fleet) -> None:
    """What differs is a property of the platform; the environment's name is for nothing but the way to a file."""
    words = re.compile(r"\b(lab|production|environment_id)\b")
    for folder in (ROLES, *(TEMPLATES / scope for scope in ("common", "edge", "datacentre"))):
        for path in folder.rglob("*"):
            if path.is_file():
                assert not words.search(path.read_text(encoding="utf-8")), path


def test_every_door_and_every_way_out_is_in_the_firewall_of_its_host(fleet: Fleet) -> None:
    builder = Builder(fleet, stand_in(fleet))
    for host in (fleet.nodes[0], *fleet.hosts.values()):
        manifest = builder.build(host)
        ruleset = manifest.files["/etc/nftables.conf"].content
        chains = {text.split(" ")[0]: text for text in ruleset.split("    chain ")[1:]}
        assert "flush ruleset" not in ruleset
        for name in ("input", "forward", "output"):
            assert "policy drop;" in chains[name]
        for door in manifest.listens:
            from_whom = "" if "0.0.0.0/0" in door.ipv4 else f"ip saddr {{ {', '.join(door.ipv4)} }} "
            rule = f"{from_whom}{door.protocol} dport {door.port} "
            assert rule in chains["input"], (host.name, door)
        for way in manifest.sends:
            assert f"{way.protocol} dport {way.port} " in chains["output"], (host.name, way)
        doors = set(re.findall(r"(tcp|udp) dport (\d+)", chains["input"]))
        assert doors == {(door.protocol, str(door.port)) for door in manifest.listens}, host.name


def test_what_the_first_start_of_a_guest_writes_again_and_again_is_not_managed(fleet: Fleet) -> None:
    """Host key and certificate are each host's own: the configuration names their place and leaves them alone."""
    manifest = Builder(fleet, stand_in(fleet)).build(fleet.nodes[0])
    key = f"/{bootstrap.SSH}/{HOST_KEY}"
    assert f"HostKey {key}\nHostCertificate {key}-cert.pub\n" in manifest.files["/etc/ssh/sshd_config"].content
    assert not {key, f"{key}.pub", f"{key}-cert.pub", f"/{bootstrap.USER_CA}"} & set(manifest.files)


def test_only_hosts_that_pass_packets_on_may_forward(fleet: Fleet) -> None:
    builder = Builder(fleet, stand_in(fleet))
    for host in (fleet.nodes[0], *fleet.hosts.values()):
        assert builder.build(host).sysctls["net.ipv4.ip_forward"].value == str(int(host.forwards))


def test_nobody_but_the_bastion_forwards_over_ssh(fleet: Fleet) -> None:
    builder = Builder(fleet, stand_in(fleet))
    for host in (fleet.nodes[0], *fleet.hosts.values()):
        forwards = "DisableForwarding yes" not in builder.build(host).files["/etc/ssh/sshd_config"].content
        assert forwards == (host.host_class == "bastion"), host.name


def test_the_node_needs_nothing_but_an_old_python() -> None:
    for path in NODE_SIDE.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= STANDARD, path
            if isinstance(node, ast.ImportFrom) and not node.level:
                assert (node.module or "").split(".")[0] in {"__future__", *STANDARD}, path
