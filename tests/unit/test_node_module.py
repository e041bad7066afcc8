"""The node's side of a transaction, on a real file system below a folder; only systemd and apt are stood in for."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node_in_folder import (
    HostInFolder,
    a_file,
    a_manifest,
    a_part,
    a_unit,
    a_user,
    applied,
    look,
    node_module,
    order,
    run,
    transaction,
    wanted,
)  # fmt: skip


@pytest.fixture
def host(tmp_path: Path) -> HostInFolder:
    return HostInFolder(tmp_path)


def converge(host: HostInFolder, **parts: Any) -> list[str]:
    return list(run(host, a_part(**parts)).changes)


def trouble(host: HostInFolder, **parts: Any) -> str:
    with pytest.raises(node_module.Trouble) as caught:
        converge(host, **parts)
    return str(caught.value)


def test_the_first_run_makes_everything_and_the_second_nothing(host: HostInFolder) -> None:
    parts: dict[str, Any] = {
        "files": {"/etc/a/b.conf": a_file("content\n", "0600")},
        "units": {"a.service": a_unit()},
        "sysctls": {"net.ipv4.ip_forward": {"value": "1", "live": True}},
    }
    assert converge(host, **parts) == [
        "create /etc/a/b.conf", "set net.ipv4.ip_forward = 1", "enable a.service", "start a.service"
    ]  # fmt: skip
    assert host.read("/etc/a/b.conf") == "content\n"
    assert host.path("/etc/a/b.conf").stat().st_mode & 0o777 == 0o600
    assert host.read("/proc/sys/net/ipv4/ip_forward") == "1"
    assert applied(host).items() >= {"controller": "tests", "reason": "why not"}.items()
    before, calls = host.tree(), len(host.calls)
    assert converge(host, **parts) == []
    assert host.tree() == before
    assert len(host.calls) == calls


def test_looking_changes_nothing(host: HostInFolder) -> None:
    before = host.tree()
    plan = look(
        host,
        a_part(
            packages=["chrony"],
            files={"/etc/a": a_file("x\n")},
            users=[a_user("ops")],
            sysctls={"net.ipv4.ip_forward": {"value": "1", "live": True}},
            units={"a.service": a_unit()},
        ),
    )
    assert len(plan.what) == 6
    assert host.tree() == before
    assert host.calls == []


def test_a_refused_file_switches_none(host: HostInFolder) -> None:
    converge(host, files={"/etc/good": a_file("old\n"), "/etc/bad": a_file("old\n")})
    before = host.tree()
    message = trouble(
        host,
        files={
            "/etc/good": a_file("new\n"),
            "/etc/bad": a_file("broken\n", check="sh -c 'grep -q new $0 || { echo line 7 is wrong; exit 1; }' %s"),
            "/etc/new": a_file("new\n"),
        },
        absent=["/etc/go*"],
    )
    assert "nothing was switched" in message
    assert "/etc/bad" in message
    assert "line 7 is wrong" in message
    assert {path: text for path, (text, _) in host.tree().items() if "/etc/" in path} == {
        path: text for path, (text, _) in before.items() if "/etc/" in path
    }


def test_a_check_sees_the_new_content(host: HostInFolder) -> None:
    converge(host, files={"/etc/a": a_file("fine\n", check="grep -q fine %s")})
    assert host.read("/etc/a") == "fine\n"


@pytest.mark.parametrize("spoil", ["content", "mode", "link", "gone"])
def test_a_change_made_by_hand_is_found_and_mended(spoil: str, host: HostInFolder) -> None:
    wanted = {"/etc/a": a_file("right\n")}
    converge(host, files=wanted)
    place = host.path("/etc/a")
    if spoil == "content":
        place.write_text("wrong\n", encoding="utf-8")
    elif spoil == "mode":
        place.chmod(0o666)
    else:
        place.unlink()
    if spoil == "link":
        host.write("/etc/elsewhere", "right\n")
        place.symlink_to("elsewhere")
    assert converge(host, files=wanted) == ["create /etc/a" if spoil == "gone" else "change /etc/a"]
    assert not place.is_symlink()
    assert (place.read_text(encoding="utf-8"), place.stat().st_mode & 0o777) == ("right\n", 0o644)
    assert converge(host, files=wanted) == []


def test_what_must_be_absent_goes_and_what_is_wanted_stays(host: HostInFolder) -> None:
    host.write("/etc/net/05-first-a.network", "x")
    host.write("/etc/net/other.network", "x")
    parts: dict[str, Any] = {
        "files": {"/etc/net/05-first-b.network": a_file("mine\n")},
        "absent": ["/etc/net/05-first-*.network"],
    }
    assert "remove /etc/net/05-first-a.network" in converge(host, **parts)
    assert converge(host, **parts) == []
    assert sorted(path.name for path in host.path("/etc/net").iterdir()) == ["05-first-b.network", "other.network"]


def test_only_what_changed_is_restarted_and_in_the_declared_order(host: HostInFolder) -> None:
    units = {
        "net.service": a_unit(reload_on=["/etc/net/*"]),
        "time.service": a_unit(restart_on=["/etc/time.conf", "/etc/systemd/system/time.service.d/*"]),
        "other.service": a_unit(restart_on=["/etc/other.conf"]),
    }
    files = {
        "/etc/net/a": a_file("1"),
        "/etc/time.conf": a_file("1"),
        "/etc/other.conf": a_file("1"),
        "/etc/systemd/system/time.service.d/a.conf": a_file("1"),
    }
    converge(host, files=files, units=units)
    host.calls.clear()
    converge(host, files={**files, "/etc/net/a": a_file("2"), "/etc/time.conf": a_file("2")}, units=units)
    assert host.calls == ["systemctl reload-or-restart net.service", "systemctl restart time.service"]
    host.calls.clear()
    drop_in = {"/etc/systemd/system/time.service.d/a.conf": a_file("2")}
    converge(host, files={**files, "/etc/net/a": a_file("2"), "/etc/time.conf": a_file("2"), **drop_in}, units=units)
    assert host.calls == ["systemctl daemon-reload", "systemctl restart time.service"]


def test_a_unit_that_is_left_to_others_is_enabled_but_not_started(host: HostInFolder) -> None:
    units = {"kubelet.service": a_unit(state=None, restart_on=["/etc/k"])}
    converge(host, files={"/etc/k": a_file("1")}, units=units)
    assert host.calls == ["systemctl enable kubelet.service"]
    host.units["kubelet.service"]["active"] = "active"
    host.calls.clear()
    converge(host, files={"/etc/k": a_file("2")}, units=units)
    assert host.calls == ["systemctl restart kubelet.service"]


def test_a_unit_that_must_not_run_is_stopped(host: HostInFolder) -> None:
    host.units["a.service"] = {"active": "active", "file": "enabled"}
    assert converge(host, units={"a.service": a_unit(state="stopped", enabled=False)}) == [
        "disable a.service", "stop a.service"
    ]  # fmt: skip


def test_what_was_loaded_and_then_changed_by_hand_is_loaded_again(host: HostInFolder) -> None:
    host.write("/loaded", "rules\n")
    units = {"nft.service": a_unit(probe=f"grep -q rules {host.path('/loaded')}")}
    converge(host, units=units)
    assert converge(host, units=units) == []
    host.write("/loaded", "other\n")
    assert converge(host, units=units) == ["reload-or-restart nft.service"]


def test_a_unit_that_does_not_start_again_takes_its_file_back(host: HostInFolder) -> None:
    units = {"a.service": a_unit(restart_on=["/etc/a"])}
    converge(host, files={"/etc/a": a_file("1")}, units=units)
    host.fails = "restart a.service"
    message = trouble(host, files={"/etc/a": a_file("2")}, units=units)
    assert "restart a.service failed" in message
    assert "everything was put back" in message
    assert host.read("/etc/a") == "1"
    host.fails = ""
    assert converge(host, files={"/etc/a": a_file("2")}, units=units) == ["change /etc/a", "restart a.service"]
    assert converge(host, files={"/etc/a": a_file("2")}, units=units) == []


def test_a_failed_health_command_is_asked_again_by_the_next_run(
    host: HostInFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("province_node.units"), "PATIENCE", 0.0)
    parts: dict[str, Any] = {"files": {"/etc/a": a_file("1")}, "health": [f"test -e {host.path('/etc/healthy')}"]}
    assert "health" in trouble(host, **parts)
    assert "health" in trouble(host, **parts)
    host.write("/etc/healthy", "")
    converge(host, **parts)
    assert applied(host)


def test_what_worked_before_a_change_has_to_work_after_it(host: HostInFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What did not work before is no reason to refuse the change that may well mend it."""
    monkeypatch.setattr(import_module("province_node.units"), "PATIENCE", 0.0)
    works, never = f"test -e {host.path('/etc/way')}", f"test -e {host.path('/etc/no')}"
    run(host, a_part(files={"/etc/way": a_file("x\n"), "/etc/b": a_file("1\n")}, keeps=[works, never]))
    assert run(host, a_part(files={"/etc/way": a_file("y\n"), "/etc/b": a_file("2\n")}, keeps=[works, never])).changes
    with pytest.raises(node_module.Trouble, match=r"/etc/way` ended with 1(.|\n)*put back"):
        run(host, a_part(files={"/etc/b": a_file("3\n")}, keeps=[works, never]))
    assert (host.read("/etc/way"), host.read("/etc/b")) == ("y\n", "2\n")


def test_accounts_are_made_and_corrected_and_others_left_alone(host: HostInFolder) -> None:
    host.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nold:x:900:900::/home/old:/bin/sh\n")
    host.write("/etc/shadow", "root:secret:1::::::\nold:!:1::::::\n")
    changes = converge(
        host,
        users=[
            a_user("root"),
            a_user("old", uid=2000, comment="Old", home="/home/old", login="/bin/bash", groups=["adm"]),
            a_user("new", uid=2001, comment="New hand", home="/home/new", login="/bin/bash"),
            a_user("service", uid=820, home="/run/service", login="/usr/sbin/nologin"),
        ],
    )
    assert changes == [
        "account root: no password",
        "account old: comment Old",
        "account old: shell /bin/bash",
        "account old: group adm",
        "account new: create",
        "account service: create",
    ]
    assert "usermod --lock root" in host.calls
    assert host.calls[-2:] == [
        "useradd --create-home --user-group --uid 2001 --comment New hand --home-dir /home/new --shell /bin/bash new",
        "useradd --no-create-home --user-group --uid 820 --home-dir /run/service --shell /usr/sbin/nologin service",
    ]


def test_a_star_in_a_kernel_setting_stands_for_every_device(host: HostInFolder) -> None:
    for device, value in (("all", "0"), ("tslcd", "1"), ("eth0.10", "1")):
        host.write(f"/proc/sys/net/ipv4/conf/{device}/rp_filter", value)
    wanted = {"net.ipv4.conf.*.rp_filter": {"value": "1", "live": True}}
    assert converge(host, sysctls=wanted) == ["set net.ipv4.conf.*.rp_filter = 1"]
    assert host.read("/proc/sys/net/ipv4/conf/all/rp_filter") == "1"
    assert converge(host, sysctls=wanted) == []


def test_a_kernel_that_is_not_the_hosts_own_is_left_alone(host: HostInFolder) -> None:
    assert converge(host, sysctls={"net.ipv4.ip_forward": {"value": "1", "live": False}}) == []
    assert host.read("/proc/sys/net/ipv4/ip_forward") == "0\n"


def test_a_setting_that_the_kernel_does_not_have_is_named(host: HostInFolder) -> None:
    assert "net.bridge.x" in trouble(host, sysctls={"net.bridge.x": {"value": "1", "live": True}})


def test_a_part_takes_its_place_in_the_whole(host: HostInFolder) -> None:
    one, two = a_part("one", files={"/etc/a": a_file("1")}), a_part("two", files={"/etc/b": a_file("1")})
    run(host, one, two)
    other = a_part("one", files={"/etc/a": a_file("2")})
    assert list(run(host, other, only=["one"]).changes) == ["change /etc/a"]
    assert applied(host)["digest"] == wanted.digest(a_manifest(other, two))
    assert list(run(host, other, two).changes) == []


def test_a_second_transaction_at_the_same_time_is_refused_and_told_who_was_first(host: HostInFolder) -> None:
    with host.alone("anna@desk"), pytest.raises(node_module.Trouble, match="anna@desk, since 20"), host.alone("bao"):
        pass


def test_the_difference_shows_texts_and_attributes_but_no_secret(host: HostInFolder) -> None:
    host.write("/etc/key", "old password\n")
    files = {"/etc/a": a_file("new\n"), "/etc/key": a_file("new password\n", "0600", secret=True)}
    shown = look(host, a_part(files=files, packages=["chrony"])).diff()
    assert shown[0]["after"].endswith("new\n")
    assert "0600" in shown[1]["after"]
    assert shown[2] == {"prepared": "install chrony\n"}
    assert "password" not in json.dumps(shown)


def test_a_manifest_of_another_form_is_refused(host: HostInFolder) -> None:
    with pytest.raises(node_module.Trouble, match="form 99"):
        transaction.converge(host, order(a_manifest(schema=99)))
