"""Packages of a host: from the declared source and before what needs them; trouble says where they were sought."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node_in_folder import HostInFolder, a_file, a_part, applied, node_module, run


@pytest.fixture
def host(tmp_path: Path) -> HostInFolder:
    return HostInFolder(tmp_path)


def test_the_source_is_in_place_before_packages_and_packages_before_other_files(host: HostInFolder) -> None:
    seen: list[tuple[str, bool, bool]] = []
    plain = host.try_run

    def watch(command: Sequence[str], **environment: str) -> Any:
        if command[0] == "apt-get":
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


@pytest.mark.parametrize(("fails", "expected"), [("update", "does not answer"), ("install", "could not be installed")])
def test_packages_that_do_not_come_say_from_where(fails: str, expected: str, host: HostInFolder) -> None:
    host.fails = fails
    with pytest.raises(node_module.Trouble) as caught:
        run(host, a_part(packages=["chrony"], files={"/etc/apt/sources.list.d/m.sources": a_file("x")}))
    message = str(caught.value)
    assert expected in message
    assert "/etc/apt/sources.list.d/m.sources" in message
    assert "it broke" in message
