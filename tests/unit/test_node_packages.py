"""Packages of a host: from the declared source and before what needs them; trouble says where they were sought."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node_in_folder import HostInFolder, a_file, a_part, a_unit, applied, node_module, run


@pytest.fixture
def host(tmp_path: Path) -> HostInFolder:
    return HostInFolder(tmp_path)


def test_the_source_is_in_place_before_packages_and_packages_before_other_files(host: HostInFolder) -> None:
    seen: list[tuple[str, bool, bool]] = []
    plain = host.try_run

    def watch(command: Sequence[str], **environment: str) -> Any:
        if command[0] == "apt-get" and "--simulate" not in command:
            present = [host.path(path).exists() for path in ("/etc/apt/sources.list.d/m.sources", "/etc/chrony.conf")]
            seen.append(("install" if "install" in command else "update", present[0], present[1]))
        return plain(command, **environment)

    host.try_run = watch  # type: ignore[method-assign]
    files = {"/etc/chrony.conf": a_file("x"), "/etc/apt/sources.list.d/m.sources": a_file("x")}
    run(host, a_part(files=files, packages=["sudo", "chrony"]))
    assert seen == [("update", True, False), ("install", True, False)]
    update, install = (call for call in host.calls if call.startswith("apt-get"))
    for call in (update, install):
        assert "Dir::Etc::SourceList=/etc/apt/sources.list.d/m.sources" in call
        assert "Dir::Etc::SourceParts=/dev/null" in call
    assert install.endswith(" chrony")


def test_the_versions_of_declared_packages_are_written_down(host: HostInFolder) -> None:
    host.write("/var/lib/dpkg/status", "Package: bird2\nStatus: install ok installed\nVersion: 2.17\n\n")
    run(host, a_part(packages=["bird2", "chrony"]))
    assert applied(host)["packages"] == {"bird2": "2.17", "chrony": "1.0"}


UPGRADE = "Inst libc6 [2.41-11] (2.41-12 Debian:13 [amd64])\nInst chrony (4.6 Debian:13 [amd64])\n"


@pytest.mark.parametrize(("simulated", "offline"), [(UPGRADE, None), (UPGRADE.splitlines()[1], "1")])
def test_packages_start_nothing_themselves_unless_what_runs_is_exchanged(
    simulated: str, offline: str | None, host: HostInFolder
) -> None:
    given: list[str | None] = []
    plain = host.try_run

    def watch(command: Sequence[str], **environment: str) -> Any:
        if "install" in command:
            if "--simulate" in command:
                return node_module.Done(0, simulated)
            given.append(environment.get("SYSTEMD_OFFLINE"))
        return plain(command, **environment)

    host.try_run = watch  # type: ignore[method-assign]
    run(host, a_part(packages=["chrony"], units={"chrony.service": a_unit()}))
    assert given == [offline]
    reloads = host.calls.count("systemctl daemon-reload")
    assert (reloads, host.calls[-1]) == (1 if offline else 0, "systemctl start chrony.service")


def test_what_nobody_declares_starts_if_a_boot_would_start_it(host: HostInFolder) -> None:
    """A declared unit waits for its settings; one that a target wants which is not reached stays off."""
    listed = "/.\n/usr/lib/systemd/system/{0}.service\n/lib/systemd/system/{0}@.service\n/etc/{0}.service\n"
    for name, file in (("chrony", "chrony"), ("cron", "cron:amd64"), ("late", "late"), ("cron-d", "cron-d")):
        host.write(f"/var/lib/dpkg/info/{file}.list", listed.format(name))
    host.units |= {
        "cron.service": {"file": "enabled", "wanted_by": "multi-user.target"},
        "late.service": {"file": "enabled", "wanted_by": "sleep.target"},
        "chrony.service": {"file": "enabled", "wanted_by": "multi-user.target"},
        "multi-user.target": {"active": "active"},
    }
    run(host, a_part(packages=["chrony", "cron", "late"], units={"chrony.service": a_unit(state="stopped")}))
    assert [call for call in host.calls if " start " in call] == ["systemctl start -- cron.service"]


@pytest.mark.parametrize(("fails", "expected"), [("update", "does not answer"), ("install", "could not be installed")])
def test_packages_that_do_not_come_say_from_where(fails: str, expected: str, host: HostInFolder) -> None:
    host.fails = fails
    with pytest.raises(node_module.Trouble) as caught:
        run(host, a_part(packages=["chrony"], files={"/etc/apt/sources.list.d/m.sources": a_file("x")}))
    message = str(caught.value)
    assert expected in message
    assert "/etc/apt/sources.list.d/m.sources" in message
    assert "it broke" in message
