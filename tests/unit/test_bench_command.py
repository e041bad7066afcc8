"""`python -m bench`: a whole province is measured as a whole, and what is refused writes no result."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench import __main__ as bench
from province.errors import ExitCode, ProvinceError


def measured(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run a benchmark that takes no time; the results that are there then."""
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    monkeypatch.setitem(bench.BENCHMARKS, name, lambda _: {"seconds": 0})
    monkeypatch.setattr(sys, "argv", ["bench", name])
    bench.main()
    return [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("name", sorted(bench.WHOLE))
def test_a_province_that_is_cut_is_not_measured_as_a_whole(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVINCE_COMMUNES", "4")
    with pytest.raises(ProvinceError, match="PROVINCE_COMMUNES is 4") as caught:
        measured(name, tmp_path, monkeypatch)
    assert caught.value.exit_code is ExitCode.USAGE
    assert list(tmp_path.iterdir()) == []


def test_a_lab_may_be_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVINCE_COMMUNES", "4")
    assert measured("fleet", tmp_path, monkeypatch) == ["fleet.json"]


def test_a_whole_province_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROVINCE_COMMUNES", raising=False)
    assert measured("model", tmp_path, monkeypatch) == ["model.json"]
