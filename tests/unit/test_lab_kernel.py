"""The kernel is not asked too much at once, and a kernel that answers no more is recognised."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.lab import kernel


def process(proc: Path, pid: int, name: str, state: str) -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "stat").write_text(f"{pid} ({name}) {state} 2 0 0\n", encoding="utf-8")


def test_only_blocked_kernel_workers_count(tmp_path: Path) -> None:
    process(tmp_path, 10, "kworker/0:1+events", "D")
    process(tmp_path, 11, "kworker/1:1", "I")
    process(tmp_path, 12, "a (kworker) b", "D")
    process(tmp_path, 13, "rsyslogd", "D")
    (tmp_path / "self").mkdir()
    assert kernel.blocked_workers(tmp_path) == 1


def test_settling_ends_when_the_workers_stay_blocked(tmp_path: Path) -> None:
    for pid in range(kernel.CALM_WORKERS):
        process(tmp_path, pid + 1, "kworker/0:9", "D")
    kernel.settle(tmp_path, seconds=0)
    process(tmp_path, 9999, "kworker/0:10", "D")
    with pytest.raises(ProvinceError, match=f"{kernel.CALM_WORKERS + 1} workers of the kernel have been blocked"):
        kernel.settle(tmp_path, seconds=0)


def test_a_process_that_hangs_means_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "PROBE_SECONDS", 0.1)
    assert not kernel.takes_filters((sys.executable, "-c", "import signal; signal.pause()"))
    assert not kernel.takes_filters((sys.executable, "-c", "raise SystemExit(1)"))


def test_a_process_that_gets_its_filter_means_yes() -> None:
    assert kernel.takes_filters((sys.executable, "-c", "pass"))
