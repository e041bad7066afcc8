"""Power cuts at every step of a transaction: the files are wholly old or wholly new, and the next run converges."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node_in_folder import (
    HostInFolder,
    a_file,
    a_key,
    a_manifest,
    a_part,
    a_unit,
    a_user,
    applied,
    node_module,
    order,
    run,
    transaction,
)  # fmt: skip

recovery: Any = import_module("province_node.recovery")
journal: Any = import_module("province_node.journal")

KEY = "/etc/relay.key"
ADDED = "/etc/systemd/system/b.service"
MANAGED = ("/etc/apt/sources.list.d/m.sources", "/etc/a", "/etc/b", "/etc/net/link", "/etc/new/c", "/etc/theirs", ADDED)


class PowerCut(BaseException):
    """The host has no power any more; nothing of the transaction's own code runs after it."""


class Mortal(HostInFolder):
    """A host whose power is cut before its n-th effect."""

    def __init__(self, root: Path, lives: int | None = None) -> None:
        super().__init__(root)
        self.lives = lives
        self.steps: list[str] = []

    def step(self, label: str) -> None:
        if self.lives is not None and len(self.steps) == self.lives:
            raise PowerCut(label)
        self.steps.append(label)


def old_part(guarded: bool) -> dict[str, Any]:
    return a_part(
        guarded=guarded,
        files={path: a_file("old\n") for path in MANAGED if path not in ("/etc/new/c", "/etc/theirs", ADDED)},
        units={"a.service": a_unit(restart_on=["/etc/a"]), "gone.service": a_unit()},
    )


def new_part(guarded: bool) -> dict[str, Any]:
    return a_part(
        guarded=guarded,
        packages=["chrony"],
        files={path: a_file("new\n") for path in MANAGED if path != "/etc/b"},
        users=[a_user("an", uid=2000)],
        sysctls={"net.ipv4.ip_forward": {"value": "1", "live": True}},
        keys={KEY: a_key(KEY, "ssh-ed25519")},
        units={"a.service": a_unit(restart_on=["/etc/a"]), "b.service": a_unit()},
    )


def prepared(root: Path, guarded: bool) -> None:
    """A host in the old state, with a link where a file will be, and a file of somebody else."""
    host = HostInFolder(root)
    run(host, old_part(guarded))
    confirm(host)
    host.path("/etc/net/link").unlink()
    host.path("/etc/net/link").symlink_to("elsewhere")
    host.write("/etc/theirs", "theirs\n")


def confirm(host: HostInFolder, connection: str = "second") -> None:
    here = journal.read(host)
    if here is not None:
        transaction.confirm(host, here.generation, connection)


def managed(host: HostInFolder) -> dict[str, str]:
    """What lies at the managed paths: text, a link's target, or nothing."""
    found = {}
    for path in MANAGED:
        place = host.path(path)
        found[path] = f"-> {place.readlink()}" if place.is_symlink() else host.read(path)
    return found


def leftovers(host: HostInFolder) -> list[str]:
    return [str(path) for path in Path(host.root).rglob("*province-new*")]


def cuts(tmp_path: Path, guarded: bool) -> Iterator[tuple[Mortal, str]]:
    """The prepared host, once for every step of the change, dead before that step."""
    pattern = tmp_path / "pattern"
    prepared(pattern, guarded)
    number = 0
    while True:
        root = tmp_path / str(number)
        shutil.copytree(pattern, root, symlinks=True)
        host = Mortal(root, number)
        host.units["a.service"] = host.units["gone.service"] = {"active": "active", "file": "enabled"}
        try:
            run(host, new_part(guarded))
            confirm(host)
        except PowerCut as cut:
            yield host, str(cut)
        else:
            return
        shutil.rmtree(root)
        number += 1


def booted(dead: HostInFolder) -> Mortal:
    """The same disk after power came back: everything that is enabled runs, as its files now say."""
    host = Mortal(Path(dead.root))
    host.units = {
        name: {"file": unit["file"], "active": "active"}
        for name, unit in dead.units.items()
        if unit.get("file") == "enabled"
    }
    with host.alone("boot"):
        recovery.at_boot(host)
    return host


@pytest.mark.parametrize("guarded", [False, True], ids=["plain", "guarded"])
def test_after_a_power_cut_at_any_step_the_files_are_one_set_and_the_next_run_converges(
    guarded: bool, tmp_path: Path
) -> None:
    old = {**dict.fromkeys(MANAGED, "old\n"), "/etc/new/c": "", "/etc/theirs": "theirs\n", ADDED: ""}
    old["/etc/net/link"] = "-> elsewhere"
    new = {**dict.fromkeys(MANAGED, "new\n"), "/etc/b": ""}
    ends: dict[str, set[str]] = {"old": set(), "new": set()}
    for dead, step in cuts(tmp_path, guarded):
        host = booted(dead)
        there = managed(host)
        assert there in (old, new), f"half applied after a cut before: {step}"
        ends["new" if there == new else "old"].add(step)
        assert leftovers(host) == [], step
        if there == old:
            assert not host.path("/etc/new").exists(), step
            assert host.units["a.service"]["file"] == "enabled"
            assert host.units.get("b.service", {}).get("file") != "enabled", step
        run(host, new_part(guarded))
        confirm(host)
        assert managed(host) == new, step
        assert list(run(host, new_part(guarded)).changes) == [], step
        assert applied(host)["controller"] == "tests"
        assert leftovers(host) == []
    assert len(ends["old"]) >= 20
    assert ends["new"]


def test_a_power_cut_on_the_way_back_is_no_worse(tmp_path: Path) -> None:
    """The host dies while it puts things back, at every step of that, and still gets there."""
    prepared(tmp_path / "pattern", guarded=False)
    before = managed(HostInFolder(tmp_path / "pattern"))
    for number in range(100):
        root = tmp_path / str(number)
        shutil.copytree(tmp_path / "pattern", root, symlinks=True)
        host = Mortal(root)
        host.fails = "start b.service"
        host.units["a.service"] = {"active": "active", "file": "enabled"}
        host.lives = None
        try:
            with host.alone("run"):
                _count_from_the_way_back(host, number)
                run(host, new_part(guarded=False))
        except PowerCut:
            assert managed(booted(host)) == before
        except node_module.Trouble:
            assert number > 5
            return
        shutil.rmtree(root)
    pytest.fail("the way back has no end")


def _count_from_the_way_back(host: Mortal, lives: int) -> None:
    """Let the host live for so many steps after it began to put things back."""
    plain = host.step

    def step(label: str) -> None:
        plain(label)
        if label == "put back":
            host.lives = len(host.steps) + lives

    host.step = step  # type: ignore[method-assign]


def test_a_process_that_was_killed_is_found_by_the_next_run(tmp_path: Path) -> None:
    prepared(tmp_path / "host", guarded=False)
    dead = Mortal(tmp_path / "host", 25)
    with pytest.raises(PowerCut):
        run(dead, new_part(guarded=False))
    host = HostInFolder(tmp_path / "host")
    outcome = run(host, new_part(guarded=False))
    assert "the change was cut short" in outcome.recovered
    assert managed(host)["/etc/a"] == "new\n"
    assert list(run(host, new_part(guarded=False)).changes) == []


def test_an_interrupted_installation_is_finished_first(tmp_path: Path) -> None:
    host = HostInFolder(tmp_path)
    host.write("/var/lib/dpkg/updates/0001", "")
    plain = host.try_run

    def repairing(command: Any, **environment: str) -> Any:
        if command[0] == "dpkg":
            host.path("/var/lib/dpkg/updates/0001").unlink()
        return plain(command, **environment)

    host.try_run = repairing  # type: ignore[method-assign]
    assert list(run(host, a_part()).changes) == ["finish an interrupted installation"]
    assert any(call.startswith("dpkg --configure -a") for call in host.calls)
    assert list(run(host, a_part()).changes) == []


def test_a_journal_of_a_newer_code_is_left_alone(tmp_path: Path) -> None:
    host = HostInFolder(tmp_path)
    host.write("/var/lib/province/journal.json", '{"schema": 99}')
    with pytest.raises(node_module.Trouble, match="form 99"):
        transaction.converge(host, order(a_manifest(a_part())))
