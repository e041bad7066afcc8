"""Signatures of people before Prometheus: the lab's list, the figures at a watcher, the rules that speak of them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.signatures import figures
from province.signatures.made_up import made_up

from .delivered import files_of_watcher
from .test_exports import asked, program

TODAY = date(2026, 11, 27)
NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)
CASES = Path(__file__).parent / "signature_rules.yml"
RULES = "/etc/prometheus/rules.yml"
FACTS = "/usr/local/lib/province/host-facts"


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet("lab")


@pytest.fixture(scope="module")
def files(fleet: Fleet) -> dict[str, str]:
    return files_of_watcher(fleet)


@pytest.mark.proves(8, 9)
def test_the_watcher_repeats_what_the_desk_told_and_prometheus_reads_it(
    fleet: Fleet, files: dict[str, str], tmp_path: Path
) -> None:
    """The real command on the way in and the host's real program on the way out, below another folder."""
    rows = {row.serial: row for row in made_up(fleet, TODAY)}
    text = figures.figures(rows, TODAY, NOW)
    told = tmp_path / "signatures.prom"

    def ask(_host: str, words: Sequence[str], given: str) -> str:
        here = [word.replace(figures.FILE, str(told)) for word in words]
        return subprocess.run(here, input=given, capture_output=True, text=True, check=True).stdout

    assert figures.tell(fleet, ask, text) == {}
    assert told.read_text(encoding="utf-8") == text
    out = tmp_path / "province.prom"
    facts = files[FACTS].replace(figures.FILE, str(told)).replace("/run/host-facts/province.prom", str(out))
    assert str(told) in facts
    assert str(out) in facts
    subprocess.run(["python3", "-I", "-c", facts], capture_output=True, check=True)
    seen = out.read_text(encoding="utf-8")
    assert text in seen
    words = [program("promtool"), "check", "metrics"]
    judged = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    assert "error" not in judged.stderr, judged.stderr
    counted = [int(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith("province_signatures{")]
    assert sum(counted) == 10330 + 708
    assert not [row for row in rows.values() if row.holder in text or row.serial in text]
    told.write_text("up 1\n", encoding="utf-8")
    subprocess.run(["python3", "-I", "-c", facts], capture_output=True, check=True)
    assert "\nup 1\n" not in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(("right", "wrong"), [("", ""), ('ends="over"', 'ends="later"'), ("8 * 86400", "9 * 86400")])
def test_the_rules_say_what_is_over_what_ends_and_that_nobody_tells(
    files: dict[str, str], tmp_path: Path, right: str, wrong: str
) -> None:
    """As they are, and each one spoilt in one place, which must be found."""
    assert right in files[RULES]
    spoilt = files[RULES].replace(right, wrong) if right else files[RULES]
    (tmp_path / "rules.yml").write_text(spoilt, encoding="utf-8")
    (tmp_path / CASES.name).write_bytes(CASES.read_bytes())
    done = asked("promtool", "test", "rules", tmp_path / CASES.name)
    assert (done.returncode == 0) == (spoilt == files[RULES]), done.stdout + done.stderr


def test_a_watcher_that_cannot_be_told_is_named(fleet: Fleet) -> None:
    first, *others = figures.watchers(fleet)

    def ask(host: str, _words: Sequence[str], _given: str) -> str:
        if host == first:
            raise ConnectionError("no route to host")
        if others and host == others[0]:
            raise ProvinceError("disk full")
        return ""

    told = figures.tell(fleet, ask, "")
    assert told[first] == "no route to host"
    assert set(told) <= {first, *others[:1]}
