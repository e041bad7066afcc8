"""Faults that meet a real host in the middle of a change, or before it: nothing is stranded, nothing half applied."""

from __future__ import annotations

import time

import pytest

from province.ops.node_wire import NodeTrouble, ask, request

from .transaction_host import CAPABILITY, FOLDER, PACKAGE, Victim, manifest, part, victim

__all__ = ["victim"]
pytestmark = pytest.mark.lab

SECONDS = 12
PLAIN = {"owner": "root", "group": "root", "mode": "0644", "check": None, "secret": False}
STATE = "/var/lib/province"
"""Where a host keeps its generations, journal and ledger."""
CUTTER = "/etc/systemd/system/province-cutter.service"
HOLD = "import fcntl,time; f=open('/var/lib/dpkg/lock-frontend','w'); fcntl.lockf(f,fcntl.LOCK_EX); time.sleep(SECONDS)"


@pytest.fixture(autouse=True)
def old(victim: Victim) -> None:
    victim.wait_until_ended()
    victim.apply(part("old"))


def cutter(start: str, stop: str) -> dict[str, object]:
    """A change that cuts the management path off when its unit starts, and gives it back when it stops."""
    text = f"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart={start}\nExecStop={stop}\n"
    unit = {"state": "running", "enabled": False, "restart_on": [], "reload_on": [], "probe": None}
    return manifest(files={CUTTER: {**PLAIN, "content": text}}, units={"province-cutter.service": unit})


def refusal(victim: Victim, wanted: dict[str, object]) -> str:
    with pytest.raises(NodeTrouble) as caught:
        victim.apply(wanted, SECONDS)
    assert victim.state() == "old"
    return str(caught.value)


def test_a_firewall_that_drops_management_comes_back_by_itself(victim: Victim) -> None:
    """Every packet to the SSH port is dropped, those of open connections included."""
    rules = "add table inet cut; add chain inet cut input { type filter hook input priority -300; }; "
    rules += "add rule inet cut input tcp dport 22 drop"
    wanted = cutter(f"/usr/sbin/nft '{rules}'", "/usr/sbin/nft delete table inet cut")
    assert "nobody confirmed it over a new connection" in refusal(victim, wanted)
    victim.run("! nft list table inet cut 2>/dev/null")


@pytest.mark.soak
def test_an_ssh_daemon_that_is_gone_comes_back_by_itself(victim: Victim) -> None:
    """The connection that made the change stays open; only a new one shows that nobody gets in any more."""
    wanted = cutter("/usr/bin/systemctl stop ssh.service", "/usr/bin/systemctl start ssh.service")
    assert "it was put back at" in refusal(victim, wanted)


def test_a_controller_that_was_killed_leaves_no_unconfirmed_change_behind(victim: Victim) -> None:
    victim.arm(part("new"), seconds=SECONDS)
    assert victim.state() == "new"
    status = victim.wait_until_ended()
    assert f"nobody confirmed it over a new connection within {SECONDS} s" in status["put_back"]["why"]
    assert (victim.state(), victim.running()) == ("old", "old")


@pytest.mark.soak
def test_a_reboot_while_the_timer_runs_starts_it_anew(victim: Victim) -> None:
    victim.arm(part("new"), seconds=SECONDS)
    victim.cut_power()
    assert "nobody confirmed it" in victim.wait_until_ended()["put_back"]["why"]
    assert (victim.state(), victim.running()) == ("old", "old")


def test_a_process_that_is_killed_is_cleaned_up_by_the_next_run(victim: Victim) -> None:
    with victim.stopped_at(part("new"), f"switch {FOLDER}/b"):
        pass
    assert victim.state() not in ("old", "new")
    victim.apply(part("new"))
    assert (victim.state(), victim.running()) == ("new", "new")
    assert victim.apply(part("new")) == []


def test_of_two_controllers_the_second_is_told_who_is_at_work(victim: Victim) -> None:
    told = pytest.raises(NodeTrouble, match=r"another transaction is at work on this host: \S+@\S+, since 20")
    with victim.stopped_at(part("new"), f"switch {FOLDER}/a"), told:
        victim.apply(part("new"))
    victim.apply(part("old"))


def test_a_file_that_its_program_refuses_switches_nothing(victim: Victim) -> None:
    files = {f"{FOLDER}/a": {**PLAIN, "content": "broken\n", "check": "grep -q fine %s"}}
    good = part("new")["parts"][0]
    message = refusal(victim, manifest(files={**good["files"], **files}, units=good["units"]))
    assert "nothing was switched" in message


def test_a_unit_that_fails_takes_everything_back_at_once(victim: Victim) -> None:
    files = {"/etc/systemd/system/province-bad.service": {**PLAIN, "content": "[Service]\nExecStart=/bin/false\n"}}
    unit = {"state": "running", "enabled": False, "restart_on": [], "reload_on": [], "probe": None}
    good = part("new")["parts"][0]
    wanted = manifest(files={**good["files"], **files}, units={**good["units"], "province-bad.service": unit})
    begun = time.monotonic()
    with pytest.raises(NodeTrouble, match=r"province-bad.service(.|\n)*everything was put back"):
        victim.apply(wanted, seconds=600)
    assert time.monotonic() - begun < 300
    assert (victim.state(), victim.running()) == ("old", "old")


@pytest.mark.parametrize("place", [f"{FOLDER}/small", "/var/lib/province-probe", "/srv/small"])
def test_a_disk_without_room_is_refused_up_front(victim: Victim, place: str) -> None:
    victim.run(f"mkdir -p {place} && mount -t tmpfs -o size=1m small {place}")
    try:
        wanted = part("new")
        wanted["parts"][0]["files"][f"{place}/file"] = {**PLAIN, "content": "x\n"}
        assert f"{place}: 1 MiB free, 8 MiB needed" in refusal(victim, wanted)
    finally:
        victim.run(f"umount {place} && rmdir {place}")


def test_no_room_for_the_old_state_is_refused_up_front(victim: Victim) -> None:
    """What cannot be written down could not be put back."""
    victim.run(
        f"mkdir {STATE}.small && mount -t tmpfs -o size=64m small {STATE}.small && cp -a {STATE}/. {STATE}.small && "
        f"fallocate -l $(($(stat -f -c '%a * %S' {STATE}.small) - 1048576)) {STATE}.small/filler && "
        f"mount --bind {STATE}.small {STATE}"
    )
    try:
        assert f"{STATE}: 1 MiB free" in refusal(victim, part("new"))
    finally:
        victim.run(f"umount {STATE} && umount {STATE}.small && rmdir {STATE}.small")


def test_no_room_for_packages_is_refused_up_front(victim: Victim) -> None:
    victim.run("mount -t tmpfs -o size=16m small /var/cache/apt")
    try:
        assert "/var/cache/apt: 16 MiB free" in refusal(victim, part("new"))
    finally:
        victim.run("umount /var/cache/apt")


def test_a_read_only_file_system_is_refused_up_front(victim: Victim) -> None:
    victim.run(f"mount --bind {FOLDER} {FOLDER} && mount -o remount,bind,ro {FOLDER}")
    try:
        assert f"{FOLDER} is mounted read-only" in refusal(victim, part("new"))
    finally:
        victim.run(f"umount {FOLDER}")


def test_a_clock_that_is_far_off_is_refused_up_front(victim: Victim) -> None:
    """The lab's hosts have the machine's clock, so it is the controller's that is off."""
    asked = request("apply", digest="", only=[CAPABILITY], check=False) | {"time": time.time() + 3600}
    with pytest.raises(NodeTrouble, match=r"clock is 3[56]\d\d s behind the controller's"):
        ask(victim.contact, asked, lambda: part("new"))
    assert victim.state() == "old"


def test_somebody_who_works_on_packages_is_waited_for(victim: Victim) -> None:
    victim.run(f'systemd-run --collect /usr/bin/python3 -c "{HOLD.replace("SECONDS", "3")}"')
    victim.apply(part("new"))
    assert victim.state() == "new"


@pytest.mark.soak
def test_somebody_who_does_not_stop_working_on_packages_is_named(victim: Victim) -> None:
    hold = HOLD.replace("SECONDS", "3600")
    victim.run(f'systemd-run --collect --unit=probe-lock /usr/bin/python3 -c "{hold}"')
    try:
        message = refusal(victim, part("new"))
        assert "python3" in message
        assert "holds /var/lib/dpkg/lock-frontend" in message
    finally:
        victim.run("systemctl stop probe-lock.service")


def test_a_package_that_nothing_wants_any_more_goes_and_the_account_is_shut(victim: Victim) -> None:
    victim.apply(part("new"))
    changes = victim.apply(part("old"))
    assert f"remove {PACKAGE}" in changes
    assert "account probe: shut" in changes
    assert "1970" in victim.run("chage -l probe")
    assert victim.apply(part("old")) == []
