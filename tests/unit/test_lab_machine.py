"""What the lab reads from the machine, and what it changes on it and puts back."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.lab import cgroups, mounts, processes, requirements, sources
from province.lab.state import Place, exclusive
from tests.unit.test_lab_plan import SPEC

DEB822 = """\
# comment
Types: deb deb-src
URIs: http://vendor.example/apt
Suites: nodistro
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://archive.example/debian/
Suites: bookworm bookworm-updates
Components:
 main
 contrib
"""


def apt(folder: Path, **files: str) -> Path:
    """Write a machine's package sources."""
    (folder / "sources.list.d").mkdir()
    for name, text in files.items():
        path = "sources.list" if name == "main" else f"sources.list.d/{name.replace('_', '.')}"
        (folder / path).write_text(text)
    return folder


def test_the_archive_is_found_in_the_deb822_style(tmp_path: Path) -> None:
    assert sources.debian_mirror(apt(tmp_path, debian_sources=DEB822), {}) == "http://archive.example/debian"


def test_the_archive_is_found_in_the_one_line_style(tmp_path: Path) -> None:
    text = (
        "deb http://vendor.example/apt cloud-sdk-bookworm main\n"
        "# deb http://old.example/debian bookworm main\n"
        "deb cdrom:[disc]/ bookworm main\n"
        "deb http://security.example/debian-security bookworm-security main\n"
        "deb [arch=amd64 signed-by=/k.gpg] https://archive.example/debian bookworm main # ours\n"
    )
    assert sources.debian_mirror(apt(tmp_path, main=text), {}) == "https://archive.example/debian"


def test_a_list_of_archives_is_followed(tmp_path: Path) -> None:
    archives = tmp_path / "archives"
    archives.write_text("# nearest first\nhttps://near.example/debian\nhttps://far.example/debian\n")
    text = f"deb mirror+file://{archives} trixie main\n"
    assert sources.debian_mirror(apt(tmp_path, main=text), {}) == "https://near.example/debian"


def test_the_environment_goes_before_the_machine(tmp_path: Path) -> None:
    chosen = {sources.VARIABLE: "http://mine.example/debian/"}
    assert sources.debian_mirror(apt(tmp_path, debian_sources=DEB822), chosen) == "http://mine.example/debian"


def test_a_machine_without_an_archive_is_told_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ProvinceError) as error:
        sources.debian_mirror(apt(tmp_path, main="deb http://vendor.example/apt nodistro main\n"), {})
    assert sources.VARIABLE in error.value.hint


def test_both_kinds_of_control_groups_are_told_apart(tmp_path: Path) -> None:
    table = tmp_path / "mounts"
    table.write_text(
        "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n"
        "cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n"
        "cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\n"
        "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
    )
    found = cgroups.hierarchies(table)
    assert found.of("host") == (Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup/unified"))
    assert found.of("kubernetes")[-1] == Path("/sys/fs/cgroup/memory")


def test_a_machine_with_version_2_alone_has_one_tree(tmp_path: Path) -> None:
    table = tmp_path / "mounts"
    table.write_text("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n")
    assert cgroups.hierarchies(table).of("kubernetes") == (Path("/sys/fs/cgroup"),)


def test_mount_points_come_deepest_first(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(
        "1 0 8:1 / / rw - ext4 /dev/x rw\n"
        "2 1 0:5 / /lab\\040one/root rw shared:3 - overlay overlay rw\n"
        "3 2 0:6 / /lab\\040one/root/proc rw - proc proc rw\n"
        "4 1 0:7 / /lab\\040one-other rw - tmpfs tmpfs rw\n"
    )
    assert mounts.below(Path("/lab one"), table) == [Path("/lab one/root/proc"), Path("/lab one/root")]
    assert mounts.file_system(Path("/lab one/root/etc"), table) == "overlay"
    assert mounts.file_system(Path("/lab one/other"), table) == "ext4"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Give a stand-in for /proc/sys whose values are too low, except one."""
    for name in requirements.FLOORS:
        (tmp_path / "sys" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sys" / name).write_text("128\n")
    (tmp_path / "sys" / "kernel/pid_max").write_text("4194304\n")
    return tmp_path / "sys"


def test_settings_go_back_when_the_last_lab_is_down(settings: Path, tmp_path: Path) -> None:
    runtime = tmp_path / "run"
    one, other = Place(tmp_path / "one"), Place(tmp_path / "other")
    low = settings / "fs/inotify/max_user_instances"
    assert "fs/inotify/max_user_instances" in requirements.raise_limits(one, settings, runtime)
    assert requirements.raise_limits(other, settings, runtime) == []
    assert requirements.restore_limits(one, settings, runtime) == []
    assert low.read_text() == "8192\n"
    assert "fs/inotify/max_user_instances" in requirements.restore_limits(other, settings, runtime)
    assert low.read_text() == "128\n"
    assert (settings / "kernel/pid_max").read_text() == "4194304\n"
    assert list(runtime.iterdir()) == []


def test_too_little_memory_is_said_with_both_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVINCE_CACHE", str(tmp_path / "cache"))
    huge = replace(SPEC, guests=(replace(SPEC.guests[0], memory_mib=10**9),))
    with pytest.raises(ProvinceError, match="memory: 1 guests need 1000001024 MiB") as error:
        requirements.check(Place(tmp_path), huge, running=set())
    assert "fewer communes" in error.value.hint


def test_guests_that_run_already_need_no_more_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVINCE_CACHE", str(tmp_path / "cache"))
    huge = replace(SPEC, guests=(replace(SPEC.guests[0], memory_mib=10**9),))
    requirements.check(Place(tmp_path), huge, running={"node-a"})


def test_a_path_that_overlays_cannot_have_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVINCE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ProvinceError, match="cannot be an overlay's layer"):
        requirements.check(Place(tmp_path / "a,b"), SPEC, running=set())


def test_two_checkouts_have_nothing_in_common(tmp_path: Path) -> None:
    one, other = Place(tmp_path / "one"), Place(tmp_path / "other")
    assert one.netns != other.netns
    assert one.machine("node-a") != other.machine("node-a")
    assert one.runtime != other.runtime


def test_who_comes_second_is_told_who_holds_the_lab(tmp_path: Path) -> None:
    holder = "import sys, pathlib; from province.lab.state import Place, exclusive\n"
    holder += "with exclusive(Place(pathlib.Path(sys.argv[1])), 'up'): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(ProvinceError, match=rf"`up` \(process {first.pid}, since"), exclusive(Place(tmp_path), "x"):
            pass
        first.communicate("")
    with exclusive(Place(tmp_path), "second"):
        pass


def test_a_process_is_found_by_its_words_and_ended_before_we_go_on() -> None:
    words = ("sleep", "1000.25")
    with subprocess.Popen(words) as child:
        try:
            # The kernel lets us go on a moment before the child has its new words.
            while not (found := processes.find(lambda argv: argv == words)):
                assert child.poll() is None
            assert [process.pid for process in found] == [child.pid]
            processes.end([child.pid])
            assert child.poll() == -9
        finally:
            child.kill()


def test_a_process_that_is_gone_need_not_be_ended() -> None:
    with subprocess.Popen(["true"]) as child:
        child.wait()
    processes.end([child.pid])
