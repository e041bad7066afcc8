"""Confirmed commit, generations and refusals: what happens to a change that nobody confirms, or that cannot be made."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
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
    run,
    transaction,
    wanted,
)  # fmt: skip

entry: Any = import_module("province_node.entry")
guard: Any = import_module("province_node.guard")
journal: Any = import_module("province_node.journal")
packages: Any = import_module("province_node.packages")
recovery: Any = import_module("province_node.recovery")
units: Any = import_module("province_node.units")


@pytest.fixture
def host(tmp_path: Path) -> HostInFolder:
    host = HostInFolder(tmp_path)
    run(host, a_part("ssh", guarded=True, files={"/etc/sshd": a_file("old\n")}), a_part("time", files={}))
    confirm(host, 1)
    host.calls.clear()
    return host


NEW = a_part(
    "ssh", guarded=True, files={"/etc/sshd": a_file("new\n")}, units={"ssh.service": a_unit(reload_on=["/etc/sshd"])}
)
TIME = a_part("time", files={"/etc/chrony": a_file("new\n")})


def confirm(host: HostInFolder, generation: int, connection: str = "second") -> None:
    transaction.confirm(host, generation, connection)


def refused(host: HostInFolder, *parts: dict[str, Any], **more: Any) -> str:
    before = host.tree()
    with pytest.raises(node_module.Trouble) as caught:
        run(host, *parts, **more)
    assert {path: text for path, (text, _) in host.tree().items()} == {path: text for path, (text, _) in before.items()}
    return str(caught.value)


def test_a_guarded_change_is_armed_before_it_is_switched_and_stays_once_it_is_confirmed(host: HostInFolder) -> None:
    outcome = run(host, NEW, a_part("time"), confirm_seconds=7)
    assert outcome.armed == 2
    first, second = [number for number, call in enumerate(host.calls) if call.startswith("systemd-run")]
    assert f"--on-active={7 + guard.SWITCH_SECONDS}s" in host.calls[first]
    assert "--on-active=7s" in host.calls[second]
    assert first < host.calls.index("systemctl start ssh.service") < second
    assert applied(host)["generation"] == 1
    confirm(host, 2)
    assert applied(host)["generation"] == 2
    assert any(call.startswith("systemctl stop province-revert-2-") for call in host.calls)
    assert recovery.when_time_is_up(host, 2) == ""
    assert host.read("/etc/sshd") == "new\n"


def test_a_change_of_an_unguarded_capability_is_not_armed(host: HostInFolder) -> None:
    ssh = a_part("ssh", guarded=True, files={"/etc/sshd": a_file("old\n")})
    assert run(host, ssh, TIME).armed is None
    assert not any(call.startswith("systemd-run") for call in host.calls)


def test_what_a_guarded_capability_loses_is_guarded_too(host: HostInFolder) -> None:
    assert run(host, a_part("time")).armed == 2


def test_when_the_time_is_up_everything_goes_back_and_the_node_says_so(host: HostInFolder) -> None:
    run(host, NEW, TIME)
    assert "nobody confirmed it" in recovery.when_time_is_up(host, 2)
    assert host.read("/etc/sshd") == "old\n"
    assert not host.path("/etc/chrony").exists()
    assert host.units["ssh.service"]["active"] == "active" or "systemctl stop ssh.service" in host.calls
    with pytest.raises(node_module.Trouble, match="does not wait for a confirmation: it was put back at"):
        confirm(host, 2)
    told = entry.answer({"verb": "status"}, host)
    assert "nobody confirmed it" in told["put_back"]["why"]
    run(host, NEW, TIME)
    confirm(host, 2)
    assert entry.answer({"verb": "status"}, host)["put_back"] == {}


def test_a_new_unit_is_stopped_while_its_file_says_how(host: HostInFolder) -> None:
    path = "/etc/systemd/system/new.service"
    ssh = a_part(
        "ssh", guarded=True, files={"/etc/sshd": a_file("new\n"), path: a_file("x")}, units={"new.service": a_unit()}
    )
    run(host, ssh, a_part("time"))
    there: list[bool] = []
    plain = host.try_run

    def watch(command: Sequence[str], **environment: str) -> Any:
        if list(command) == ["systemctl", "stop", "new.service"]:
            there.append(host.path(path).exists())
        return plain(command, **environment)

    host.try_run = watch  # type: ignore[method-assign]
    recovery.when_time_is_up(host, 2)
    assert there == [True]
    assert not host.path(path).exists()


def test_the_connection_that_made_the_change_cannot_confirm_it(host: HostInFolder) -> None:
    run(host, NEW, TIME, connection="198.18.0.1 1 198.18.0.2 22")
    for connection in ("198.18.0.1 1 198.18.0.2 22", ""):
        with pytest.raises(node_module.Trouble, match="new connection"):
            confirm(host, 2, connection)
    confirm(host, 2, "198.18.0.1 2 198.18.0.2 22")


def test_an_unhealthy_host_is_not_confirmed_but_put_back(host: HostInFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    run(host, NEW, TIME)
    monkeypatch.setattr(units, "PATIENCE", 0.0)
    host.units["ssh.service"]["active"] = "failed"
    with pytest.raises(node_module.Trouble, match=r"ssh.service is failed(.|\n)*everything was put back"):
        confirm(host, 2)
    assert host.read("/etc/sshd") == "old\n"


def test_the_timer_counts_anew_after_a_reboot(host: HostInFolder) -> None:
    run(host, NEW, TIME, confirm_seconds=9)
    host.calls.clear()
    assert "still waits" in recovery.at_boot(host)
    assert host.calls == []
    assert "within 9 s" in recovery.watch(host)
    assert any("--on-active=9s" in call for call in host.calls)
    assert host.read("/etc/sshd") == "new\n"


def test_a_timer_that_cannot_be_started_switches_nothing(host: HostInFolder) -> None:
    host.fails = "systemd-run"
    with pytest.raises(node_module.Trouble, match="cannot be started, nothing was switched"):
        run(host, NEW, TIME)
    assert host.read("/etc/sshd") == "old\n"


def test_another_controller_waits_and_the_same_one_begins_anew(host: HostInFolder) -> None:
    run(host, NEW, TIME, controller="anna@desk")
    with pytest.raises(node_module.Trouble, match="a change by anna@desk, begun 20"):
        run(host, NEW, TIME, controller="bao@desk")
    assert "began anew" in run(host, NEW, TIME, controller="anna@desk").recovered


def test_three_generations_are_kept_and_one_can_be_gone_back_to(host: HostInFolder) -> None:
    ssh = a_part("ssh", guarded=True, files={"/etc/sshd": a_file("old\n")})
    for number in range(5):
        run(host, ssh, a_part("time", files={"/etc/chrony": a_file(f"{number}\n")}))
    kept = entry.answer({"verb": "generations"}, host)
    assert [record["generation"] for record in kept["generations"]] == [4, 5, 6]
    assert kept["now"] == 6
    back = {"verb": "rollback", "generation": None, "controller": "tests", "reason": "", "time": time.time()}
    told = entry.answer({**back, "confirm_seconds": 5}, host)
    assert (told["to"], told["changes"]) == (5, ["change /etc/chrony"])
    assert host.read("/etc/chrony") == "3\n"
    assert applied(host)["reason"] == "back to generation 5"
    assert "no generation 1" in entry.answer({**back, "generation": 1, "confirm_seconds": 5}, host)["trouble"]


def test_going_back_while_a_change_waits_takes_that_change_back(host: HostInFolder) -> None:
    run(host, NEW, TIME)
    back = {"verb": "rollback", "generation": None, "controller": "tests", "reason": "", "time": time.time()}
    assert "an operator wanted it back" in entry.answer({**back, "confirm_seconds": 5}, host)["put_back"]
    assert host.read("/etc/sshd") == "old\n"


def test_the_manifest_is_only_asked_for_when_the_node_does_not_hold_it(host: HostInFolder) -> None:
    manifest = a_manifest(a_part("ssh", guarded=True, files={"/etc/sshd": a_file("old\n")}), a_part("time", files={}))
    asked = {
        "verb": "apply", "digest": wanted.digest(manifest), "only": [], "check": False,
        "controller": "tests", "reason": "", "time": time.time(), "confirm_seconds": 5,
    }  # fmt: skip
    assert entry.answer(asked, host)["changes"] == []
    assert entry.answer({**asked, "digest": "other"}, host) == {"need": ["manifest"]}
    part = {**manifest, "parts": manifest["parts"][1:]}
    assert entry.answer({**asked, "only": ["time"], "digest": wanted.digest(part)}, host)["changes"] == []
    host.write("/etc/sshd", "by hand\n")
    assert entry.answer({**asked, "check": True}, host)["changes"] == ["change /etc/sshd"]


def test_a_clock_that_is_far_off_is_refused_where_signatures_depend_on_it(host: HostInFolder) -> None:
    ssh = a_part("ssh", guarded=True, files={"/etc/sshd": a_file("old\n")})
    early = time.time() - 400
    assert "ahead of the controller's" in refused(host, ssh, a_part("time", packages=["chrony"]), time=early)
    key = a_part("time", keys={"/etc/a": a_key("/etc/a")})
    assert "behind the controller's" in refused(host, ssh, key, time=time.time() + 400)
    assert list(run(host, ssh, TIME, time=early).changes) == ["create /etc/chrony"]


def test_a_full_or_read_only_disk_is_refused_before_anything_is_touched(
    host: HostInFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = os.statvfs(host.root)

    class Disk:
        f_frsize, f_files, f_favail, f_bavail, f_flag = 4096, 1000, 1000, 100, 0

    monkeypatch.setattr(os, "statvfs", lambda _: Disk)
    assert "MiB free" in refused(host, NEW, TIME)
    Disk.f_bavail, Disk.f_favail = seen.f_blocks, 3
    assert "file names free" in refused(host, NEW, TIME)
    Disk.f_flag = os.ST_RDONLY
    assert "read-only" in refused(host, NEW, TIME)


def test_numbers_that_belong_to_others_are_refused(host: HostInFolder) -> None:
    part = a_part("time", users=[a_user("an", uid=0)], groups=[{"name": "meters", "gid": 4}])
    message = refused(host, NEW, part)
    assert "number 0 belongs to root" in message
    assert "number 4 belongs to adm" in message


def test_who_holds_the_packages_is_named_after_a_while(host: HostInFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "PATIENCE", 0.0)
    monkeypatch.setattr(packages, "_locked_by", lambda _: 4711)
    host.write("/proc/4711/cmdline", "apt-get\0upgrade")
    host.write("/var/lib/dpkg/lock-frontend", "")
    message = refused(host, NEW, a_part("time", packages=["chrony"]))
    assert "process 4711 (apt-get upgrade), which holds /var/lib/dpkg/lock-frontend" in message


def test_no_secret_is_in_what_is_shown_or_may_be_read(host: HostInFolder) -> None:
    ssh = a_part("ssh", guarded=True, files={"/etc/sshd": a_file("old\n")})
    secret = a_file("hunter2\n", "0600", check="sh -c 'cat $0; exit 1' %s", secret=True)
    with pytest.raises(node_module.Trouble) as caught:
        run(host, ssh, a_part("time", files={"/etc/password": secret}))
    assert "hunter2" not in str(caught.value)
    run(host, ssh, a_part("time", files={"/etc/password": {**secret, "check": None}}))
    shown = [entry.answer({"verb": verb}, host) for verb in ("status", "generations")]
    assert "hunter2" not in repr(shown)
    readable = [path for path in Path(host.root).rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    assert [path for path in readable if b"hunter2" in path.read_bytes()] == []
    assert "hunter2" not in repr(host.calls)
    assert "hunter2" not in repr(run(host, ssh, a_part("time")).diff)
