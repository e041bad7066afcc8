"""What we once put on a host and nothing wants any more goes away; what was never ours stays and is named."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node_in_folder import HostInFolder, a_file, a_key, a_part, a_unit, a_user, look, run

foreign: Any = import_module("province_node.foreign")

NOTHING = a_part()


@pytest.fixture
def host(tmp_path: Path) -> HostInFolder:
    return HostInFolder(tmp_path)


def changes(host: HostInFolder, *parts: dict[str, Any], only: Sequence[str] = ()) -> list[str]:
    return list(run(host, *parts, only=only).changes)


def test_our_file_goes_with_the_folder_that_was_made_for_it_and_theirs_comes_back(host: HostInFolder) -> None:
    host.write("/etc/chrony.conf", "the package's own\n")
    host.path("/etc/chrony.conf").chmod(0o640)
    files = {"/etc/ours/a": a_file("x\n"), "/etc/chrony.conf": a_file("ours\n")}
    changes(host, a_part(files=files))
    changes(host, a_part(files={**files, "/etc/chrony.conf": a_file("ours, newer\n")}))
    assert changes(host, NOTHING) == ["remove /etc/ours/a", "restore /etc/chrony.conf"]
    assert not host.path("/etc/ours").exists()
    assert host.read("/etc/chrony.conf") == "the package's own\n"
    assert host.path("/etc/chrony.conf").stat().st_mode & 0o777 == 0o640
    assert changes(host, NOTHING) == []


def test_a_new_folder_lets_everybody_pass_whatever_the_session_s_umask_is(host: HostInFolder) -> None:
    """A service with an account of its own reads its file there."""
    before = os.umask(0o077)
    try:
        changes(host, a_part(files={"/etc/made/below/service.conf": a_file("on\n")}))
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(host.path(name).stat().st_mode) for name in ("/etc/made", "/etc/made/below")]
    assert modes == [0o755, 0o755]


def test_a_package_s_file_that_was_as_we_want_it_stays(host: HostInFolder) -> None:
    host.write("/etc/chrony.conf", "same\n")
    host.write(
        "/var/lib/dpkg/status", "Package: chrony\nStatus: install ok installed\nConffiles:\n /etc/chrony.conf 0123\n\n"
    )
    changes(host, a_part(files={"/etc/chrony.conf": a_file("same\n"), "/etc/other": a_file("x")}))
    outcome = run(host, NOTHING)
    assert list(outcome.changes) == ["remove /etc/other"]
    assert "/etc/chrony.conf" in outcome.kept[0]


def test_looking_says_what_would_go_and_removes_nothing(host: HostInFolder) -> None:
    changes(host, a_part(files={"/etc/ours": a_file("x\n")}))
    assert look(host, NOTHING).what == ["remove /etc/ours"]
    assert host.read("/etc/ours") == "x\n"


def test_a_unit_that_we_enabled_and_started_is_stopped_and_one_that_ran_before_goes_on(host: HostInFolder) -> None:
    host.units["theirs.service"] = {"active": "active", "file": "enabled"}
    changes(host, a_part(units={"ours.service": a_unit(), "theirs.service": a_unit()}))
    assert changes(host, NOTHING) == ["disable ours.service", "stop ours.service"]
    assert host.units["theirs.service"] == {"active": "active", "file": "enabled"}
    assert changes(host, NOTHING) == []


def test_an_account_that_we_made_is_shut_and_opened_again_when_it_is_wanted_again(host: HostInFolder) -> None:
    wanted = a_part(users=[a_user("an", uid=2000, groups=["adm"]), a_user("root")])
    changes(host, wanted)
    assert changes(host, NOTHING) == ["account an: shut"]
    assert "an:!" in host.read("/etc/shadow")
    assert changes(host, NOTHING) == []
    assert changes(host, wanted) == ["account an: open again"]
    assert changes(host, wanted) == []


def test_a_membership_that_nothing_wants_any_more_ends(host: HostInFolder) -> None:
    changes(host, a_part(users=[a_user("an")]))
    changes(host, a_part(users=[a_user("an", groups=["adm"])]))
    assert changes(host, a_part(users=[a_user("an")])) == ["account an: leave group adm"]
    assert "an" not in host.read("/etc/group").split("adm")[1]
    assert changes(host, a_part(users=[a_user("an")])) == []


def test_a_group_that_we_made_goes_and_one_that_was_there_stays(host: HostInFolder) -> None:
    groups = [{"name": "meters", "gid": 900}, {"name": "adm", "gid": None}]
    changes(host, a_part(groups=groups))
    assert changes(host, NOTHING) == ["group meters: remove"]
    assert "adm:" in host.read("/etc/group")
    assert changes(host, NOTHING) == []


def test_a_key_goes_with_its_public_half_only_when_nothing_wants_it(host: HostInFolder) -> None:
    path = "/etc/relay.key"
    changes(host, a_part("tunnel", keys={path: a_key(path, "ssh-ed25519")}))
    made = host.read(path)
    assert changes(host, a_part("other", keys={path: a_key(path, "ssh-ed25519")})) == []
    assert host.read(path) == made
    assert changes(host, NOTHING) == [f"remove key {path}"]
    assert not host.path(path).exists()
    assert not host.path(f"{path}.pub").exists()


def test_a_package_that_we_brought_goes_and_one_that_was_there_stays(host: HostInFolder) -> None:
    changes(host, a_part(packages=["sudo", "chrony"]))
    assert changes(host, NOTHING) == ["remove chrony"]
    assert changes(host, NOTHING) == []
    assert "sudo" in host.read("/var/lib/dpkg/status")


@pytest.mark.parametrize("with_it", ["wanted", "sudo"], ids=["wanted", "not ours"])
def test_a_package_stays_when_its_removal_takes_along_what_has_to_stay(with_it: str, host: HostInFolder) -> None:
    changes(host, a_part(packages=["chrony", "wanted"]))
    host.takes_along = [with_it]
    outcome = run(host, a_part(packages=["wanted"]))
    assert list(outcome.changes) == []
    assert "chrony" in outcome.kept[0]
    assert "chrony" in host.read("/var/lib/dpkg/status")


def test_one_capability_alone_removes_only_what_it_owned(host: HostInFolder) -> None:
    one, two = a_part("one", files={"/etc/a": a_file("x")}), a_part("two", files={"/etc/b": a_file("x")})
    changes(host, one, two)
    assert changes(host, a_part("one"), only=["one"]) == ["remove /etc/a"]
    assert host.read("/etc/b") == "x"


def test_a_file_that_moves_to_another_capability_stays(host: HostInFolder) -> None:
    changes(host, a_part("one", files={"/etc/a": a_file("x")}), a_part("two"))
    assert changes(host, a_part("one"), a_part("two", files={"/etc/a": a_file("x")})) == []
    assert changes(host, a_part("one"), only=["one"]) == []
    assert host.read("/etc/a") == "x"


def test_what_takes_effect_and_belongs_to_nobody_is_named(host: HostInFolder) -> None:
    host.write("/etc/sudoers.d/by-hand", "x")
    host.write("/etc/cron.d/of-a-package", "x")
    host.write("/var/lib/dpkg/info/cron.list", "/.\n/etc/cron.d/of-a-package\n")
    host.path("/etc/systemd/system/a.wants").mkdir(parents=True)
    host.path("/etc/systemd/system/alias.service").symlink_to("/dev/null")
    changes(host, a_part(files={"/etc/sysctl.d/ours.conf": a_file("x")}))
    assert foreign.look(host, ["/etc/sysctl.d/ours.conf"]) == ["/etc/sudoers.d/by-hand"]
    assert host.read("/etc/sudoers.d/by-hand") == "x"
