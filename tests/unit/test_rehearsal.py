"""A file that its program refuses is named with the line of the template that wrote it, before a host is touched."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from province.fleet.load import load_fleet
from province.manifest.source_line import line_named, source_of
from province.ops.rehearsal import one_of_each_kind
from tests.unit.node_in_folder import HostInFolder, a_file, a_manifest, a_part, run, wanted

entry: Any = import_module("province_node.entry")
generations: Any = import_module("province_node.generations")

NO_FI = "if true; then\necho {{ 1 }}\n"


@pytest.fixture
def host(tmp_path: Path) -> HostInFolder:
    return HostInFolder(tmp_path)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("/etc/nftables.conf:7:3-9: Error: syntax error, unexpected saddr", 7),
        ("/etc/ssh/sshd_config line 12: Bad configuration option: Prot", 12),
        ("/etc/a: 3: Syntax error: end of file unexpected", 3),
        ("Could not parse server directive at line 5 in file /etc/a", 5),
        ("it is wrong", None),
    ],
)
def test_the_line_is_found_in_what_programs_say(said: str, line: int | None) -> None:
    path = next((word.rstrip(":").split(":")[0] for word in said.split() if word.startswith("/etc")), "/etc/a")
    assert line_named(said, path) == line


def test_a_line_is_traced_to_the_part_of_the_template_that_wrote_it(tmp_path: Path) -> None:
    (tmp_path / "a.j2").write_text("{% include 'b.j2' %}\n    tcp dport {{ port }} accept\n", encoding="utf-8")
    (tmp_path / "b.j2").write_text("\n{% if x %}iif {{ device }} drop{% endif %}\n{{ anything }}\n", encoding="utf-8")
    assert source_of("a.j2", "    tcp dport 22 accept", tmp_path) == "line 2 of a.j2"
    assert source_of("a.j2", "iif lo drop", tmp_path) == "line 2 of b.j2"
    assert source_of("a.j2", "nobody wrote this", tmp_path) == ""


def test_the_host_lets_its_programs_check_and_stays_as_it_was(host: HostInFolder) -> None:
    run(host, a_part(files={"/etc/a": a_file("true\n", check="sh -n %s")}))
    before = host.tree()
    files = {
        "/etc/a": a_file(NO_FI, check="sh -n %s"),
        "/etc/b": a_file("true\n", check="sh -n %s"),
        "/etc/c": a_file("x\n", check="no-such-program %s"),
    }
    (refused,) = ask(host, a_manifest(a_part(files=files)))
    assert refused["path"] == "/etc/a"
    assert line_named(refused["said"], "/etc/a") == 3
    assert host.tree() == before


def test_a_secret_file_is_refused_without_its_words(host: HostInFolder) -> None:
    run(host, a_part(files={}))
    files = {"/etc/a": a_file("hunter2\n", check="grep hunter3 %s", secret=True)}
    assert ask(host, a_manifest(a_part(files=files))) == [{"path": "/etc/a", "said": "(secret)"}]


def test_what_a_host_holds_already_is_not_asked_for(host: HostInFolder) -> None:
    run(host, a_part(files={"/etc/a": a_file("old\n")}))
    held = generations.current(host)
    asked = {"verb": "rehearse", "digest": wanted.digest(held), "only": []}
    assert entry.answer(asked, host) == {"refused": []}
    assert entry.answer({**asked, "digest": "another"}, host) == {"need": ["manifest"]}


def test_one_host_of_each_class_and_domain_is_asked() -> None:
    fleet = load_fleet("lab")
    chosen = one_of_each_kind(fleet.hosts.values())
    kinds = {(host.host_class, host.routing_domain) for host in fleet.hosts.values()}
    assert sum(host.host_class == "edge" and host.routing_domain == "party" for host in chosen) == 1
    assert len(chosen) == len(kinds)


def ask(host: HostInFolder, sent: dict[str, Any]) -> list[dict[str, str]]:
    answer = entry.answer({"verb": "rehearse", "digest": "", "only": [], "manifest": sent}, host)
    return list(answer["refused"])
