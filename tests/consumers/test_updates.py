"""A host takes a release of a mirror with real apt and dpkg: what comes, what stays behind, and what is refused."""

from __future__ import annotations

import hashlib
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from .update_hosts import HOLD, NOVEMBER, OCTOBER, AptHost, Mirror

OLD = {"ledger": "1.0", "tool": "1.0"}


@pytest.fixture(autouse=True)
def _hangs_up() -> Iterator[None]:
    """The node's code ignores the signal of a lost connection for ever; here the process is everybody's."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    """A mirror with October's release, November's, and what came after it."""
    made = Mirror(tmp_path_factory.mktemp("mirror"))
    first = [made.deb("ledger", "1.0"), made.deb("tool", "1.0")]
    made.publish(OCTOBER, debs=first)
    second = [made.deb("ledger", "2.0"), made.deb("tool", "2.0", depends=("library",)), made.deb("library", "2.0")]
    made.publish(OCTOBER, NOVEMBER, debs=second)
    made.publish(OCTOBER, NOVEMBER, debs=[made.deb("ledger", "3.0"), made.deb("stranger", "3.0")])
    with made.open():
        yield made


@pytest.fixture
def host(tmp_path: Path, source: Mirror) -> AptHost:
    """A host with October's versions."""
    made = AptHost(tmp_path / "host", source)
    made.install(*(source.folder / f"{name}_1.0_all.deb" for name in OLD))
    assert made.versions == OLD
    return made


@pytest.fixture
def spoilt(source: Mirror, tmp_path: Path) -> Iterator[Mirror]:
    """The mirror, whose files are put back afterwards."""
    kept = tmp_path / "kept"
    shutil.copytree(source.served, kept)
    yield source
    shutil.rmtree(source.served)
    shutil.copytree(kept, source.served)


def test_a_host_takes_exactly_the_versions_of_its_release(host: AptHost) -> None:
    """What newer packages need comes too; what is newer in the mirror's main suite does not, nor what nobody had."""
    seen = host.ask("look", NOVEMBER)
    assert seen["changes"] == ["ledger 1.0 → 2.0", "library new → 2.0", "tool 1.0 → 2.0"]
    assert seen["bytes"] > 0
    assert host.versions == OLD
    told = host.ask("take", NOVEMBER)
    assert told["changes"] == seen["changes"], told
    assert host.versions == {"ledger": "2.0", "library": "2.0", "tool": "2.0"}
    assert host.read("/usr/share/tool/version") == "tool 2.0\n"
    assert host.ask("state", NOVEMBER)["has"]["suite"] == NOVEMBER


def test_a_second_time_nothing_is_done(host: AptHost, source: Mirror) -> None:
    host.ask("take", NOVEMBER)
    del source.asked[:]
    told = host.ask("take", NOVEMBER)
    assert (told["changes"], told["restarted"], told["repaired"]) == ([], [], False)
    assert [one for one in source.asked if one.endswith(".deb")] == []


def test_what_was_fetched_before_is_not_fetched_again(host: AptHost, source: Mirror) -> None:
    assert host.ask("fetch", NOVEMBER)["bytes"] == 0
    assert host.versions == OLD
    del source.asked[:]
    host.ask("take", NOVEMBER)
    assert [one for one in source.asked if one.endswith(".deb")] == []
    assert host.versions["tool"] == "2.0"


def test_a_held_package_stays_and_the_others_come(host: AptHost) -> None:
    host.hold(HOLD)
    told = host.ask("take", NOVEMBER, holds=[HOLD])
    assert told["changes"] == ["library new → 2.0", "tool 1.0 → 2.0"]
    assert host.versions["ledger"] == "1.0"


def test_a_held_package_comes_to_a_host_that_does_not_have_it(host: AptHost) -> None:
    host.hold({**HOLD, "package": "libr*"})
    assert host.ask("take", NOVEMBER)["changes"] == ["ledger 1.0 → 2.0", "library new → 2.0", "tool 1.0 → 2.0"]


def test_a_hold_that_is_over_stops_the_update_and_says_whose_it_is(host: AptHost) -> None:
    host.hold(HOLD)
    said = host.ask("take", NOVEMBER, holds=[{**HOLD, "over": True}])["trouble"]
    assert "the hold of ledger ended on 2026-12-31 (finance: 2.0 loses numbers)" in said
    assert "ledger 1.0 → 2.0" in said
    assert host.versions == OLD


def test_a_hold_that_the_host_does_not_have_stops_the_update(host: AptHost) -> None:
    assert "the hold of ledger is not here" in host.ask("take", NOVEMBER, holds=[HOLD])["trouble"]
    assert host.versions == OLD


def test_a_corrupted_index_is_refused(host: AptHost, spoilt: Mirror) -> None:
    text = spoilt.index(NOVEMBER).read_text(encoding="utf-8")
    spoilt.index(NOVEMBER).write_text(text.replace("Components: main", "Components: mean"), encoding="utf-8")
    said = host.ask("take", NOVEMBER)["trouble"]
    assert f"release {NOVEMBER}: its index is refused, nothing was updated" in said
    assert "is not signed" in said
    assert host.versions == OLD


def test_a_list_of_packages_that_the_index_does_not_vouch_for_is_refused(host: AptHost, spoilt: Mirror) -> None:
    (packages,) = spoilt.index(NOVEMBER).parent.rglob("Packages")
    packages.write_bytes(packages.read_bytes().replace(b"Version: 2.0", b"Version: 9.0"))
    said = host.ask("take", NOVEMBER)["trouble"]
    assert "Hash Sum mismatch" in said
    assert host.versions == OLD


def test_a_corrupted_package_is_refused(host: AptHost, spoilt: Mirror) -> None:
    (package,) = (spoilt.served / "debian/releases" / NOVEMBER).glob("tool_*.deb")
    content = package.read_bytes()
    package.unlink()
    package.write_bytes(content.replace(b"tool 2.0", b"tool 6.6"))
    said = host.ask("take", NOVEMBER)["trouble"]
    assert "Hash Sum mismatch" in said
    assert host.versions == OLD


def test_an_older_release_under_a_newer_name_is_refused(host: AptHost, spoilt: Mirror) -> None:
    """Every signature in it is good; only the name gives it away."""
    shutil.rmtree(spoilt.index(NOVEMBER).parent)
    shutil.copytree(spoilt.index(OCTOBER).parent, spoilt.index(NOVEMBER).parent)
    said = host.ask("take", NOVEMBER)["trouble"]
    assert OCTOBER in said
    assert "nothing was updated" in said
    assert host.versions == OLD


def test_a_host_does_not_go_back_to_an_older_release(host: AptHost) -> None:
    host.ask("take", NOVEMBER)
    said = host.ask("take", OCTOBER)["trouble"]
    assert said == f"release {OCTOBER} is older than {NOVEMBER}, which this host has; nothing was updated"


def test_an_index_whose_time_is_over_is_refused(host: AptHost, spoilt: Mirror) -> None:
    shutil.rmtree(spoilt.index(NOVEMBER).parent)
    spoilt.publish(OCTOBER, NOVEMBER, debs=[spoilt.folder / "ledger_2.0_all.deb"], valid_days=-1)
    said = host.ask("take", NOVEMBER)["trouble"]
    assert "expired" in said
    assert host.versions == OLD


def test_an_index_that_the_model_does_not_name_is_refused_although_its_signature_is_good(
    host: AptHost, source: Mirror
) -> None:
    good = hashlib.sha256(source.index(NOVEMBER).read_bytes()).hexdigest()
    said = host.ask("take", NOVEMBER, index_sha256="0" * 64)["trouble"]
    assert f"its index has SHA-256 {good}, the model says {'0' * 64}" in said
    assert host.versions == OLD
    assert host.ask("take", NOVEMBER, index_sha256=good)["has"]["digest"] == good


def test_a_release_that_changed_since_the_host_took_it_is_refused(host: AptHost, spoilt: Mirror) -> None:
    host.ask("take", NOVEMBER)
    shutil.rmtree(spoilt.index(NOVEMBER).parent)
    spoilt.publish(OCTOBER, NOVEMBER, debs=[spoilt.folder / "ledger_3.0_all.deb"])
    assert "a release never changes" in host.ask("look", NOVEMBER)["trouble"]
    assert host.versions["ledger"] == "2.0"


def test_what_a_power_cut_left_half_done_is_finished_first(host: AptHost, source: Mirror) -> None:
    """Unpacked and not configured, as dpkg leaves it."""
    done = host.try_run(["dpkg", "--force-depends", "--unpack", str(source.folder / "tool_2.0_all.deb")])
    assert done.code == 0, done
    assert host.ask("state", NOVEMBER)["interrupted"]
    assert host.ask("look", NOVEMBER)["changes"] == ["finish what is half installed"]
    assert host.ask("take", NOVEMBER)["repaired"]
    assert host.versions == {"ledger": "2.0", "library": "2.0", "tool": "2.0"}


def test_what_runs_old_code_is_restarted_at_once_and_the_rest_waits_for_a_boot(host: AptHost) -> None:
    """One transaction of systemd's; a unit that must not be restarted, and a kernel, are written down instead."""
    old = "7f00-7f01 r-xp 0000 fe:00 99 /usr/lib/libx.so.1 (deleted)\n7f02-7f03 rw-s 0000 00:01 7 /dev/zero (deleted)\n"
    for pid, unit, maps in (("7", "chrony", old), ("8", "unbound", old), ("9", "dbus", old), ("10", "cron", "")):
        host.write(f"/proc/{pid}/maps", maps)
        host.write(f"/proc/{pid}/cgroup", f"0::/system.slice/{unit}.service\n")
    told = host.ask("take", NOVEMBER, reboot_for=["libra*"])
    assert told["restarted"] == ["chrony.service", "unbound.service"]
    assert [one for one in host.calls if "restart" in one] == ["systemctl try-restart chrony.service unbound.service"]
    assert told["reboot"] == host.ask("state", NOVEMBER)["reboot"] == ["dbus.service", "library"]


def test_a_service_that_does_not_come_up_is_trouble(host: AptHost) -> None:
    host.write("/proc/7/maps", "7f00-7f01 r-xp 0000 fe:00 99 /usr/lib/libx.so.1 (deleted)\n")
    host.write("/proc/7/cgroup", "0::/system.slice/chrony.service\n")
    host.breaks = "try-restart"
    assert "services did not come up:\nit does not start" in host.ask("take", NOVEMBER)["trouble"]
