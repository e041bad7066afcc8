"""The cache: an entry is whole or absent, made once, and two makers do not get into each other's way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.toolchain import cache

# Makes the entry thing/<argument>: begins, says so, and goes on when it is told to.
MAKER = """
import sys
from province.toolchain import cache

def build(folder):
    (folder / "half").write_text("")
    print("begun", flush=True)
    sys.stdin.readline()
    (folder / "whole").write_text("")

print(cache.entry("thing", sys.argv[1], build), flush=True)
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROVINCE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "thing"


@contextmanager
def maker(key: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", MAKER, key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def fill(folder: Path) -> None:
    (folder / "whole").write_text("")


def unfinished(place: Path) -> list[str]:
    return [found.name for found in place.iterdir() if found.is_dir() and "." in found.name]


def test_an_entry_is_built_once() -> None:
    builds: list[Path] = []

    def build(folder: Path) -> None:
        builds.append(folder)
        fill(folder)

    first = cache.entry("thing", "k", build)
    assert cache.entry("thing", "k", build) == first
    assert len(builds) == 1
    assert (first / "whole").exists()
    assert cache.find("thing", "k") == first


def test_a_build_that_fails_leaves_nothing(place: Path) -> None:
    def build(folder: Path) -> None:
        fill(folder)
        raise ProvinceError("the compiler fell over")

    with pytest.raises(ProvinceError, match="fell over"):
        cache.entry("thing", "k", build)
    assert cache.find("thing", "k") is None
    assert unfinished(place) == []


def test_after_a_killed_build_the_next_one_starts_clean(place: Path) -> None:
    with maker("k") as killed:
        assert said(killed) == "begun"
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    assert len(unfinished(place)) == 1
    assert cache.find("thing", "k") is None

    made = cache.entry("thing", "k", fill)
    assert sorted(file.name for file in made.iterdir()) == ["whole"]
    assert unfinished(place) == []


def test_the_leftover_of_another_key_goes_too_but_not_what_is_being_made(place: Path) -> None:
    with maker("dead") as dead, maker("alive") as alive:
        assert said(dead) == said(alive) == "begun"
        dead.kill()
        dead.wait()
        cache.entry("thing", "k", fill)
        assert [name.partition(".")[0] for name in unfinished(place)] == ["alive"]
        go_on(alive)
        assert said(alive) == str(place / "alive")


def test_whoever_waits_says_for_whom(place: Path) -> None:
    with maker("k") as first:
        assert said(first) == "begun"
        with maker("k") as second:
            assert second.stderr is not None
            message = second.stderr.readline()
            assert f"thing/k is being made by process {first.pid} in {Path.cwd()}" in message
            go_on(first)
            assert said(second) == said(first) == str(place / "k")


def test_keys_differ_when_any_part_differs() -> None:
    assert cache.key_of("ab", "c") != cache.key_of("a", "bc")
    assert cache.key_of("a", "b") == cache.key_of(b"a", "b")


def test_the_place_follows_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROVINCE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache.directory() == Path("/somewhere/province")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert cache.directory() == Path("/home/somebody/.cache/province")


def test_a_place_that_cannot_be_made_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("PROVINCE_CACHE", str(blocked))
    with pytest.raises(ProvinceError, match=f"the cache folder {blocked}{os.sep}thing cannot be made") as caught:
        cache.entry("thing", "k", fill)
    assert "PROVINCE_CACHE" in caught.value.hint
