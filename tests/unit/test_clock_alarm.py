"""The program of the clock's alarm, with a chronyc that says what the test wants."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from province.manifest.render import TEMPLATES

PROGRAM = TEMPLATES / "common/time/usr/local/lib/province/clock-alarm.sh.j2"
MINUTE = 60.0


def alarm(folder: Path, *, offset: float, age: float, leap: str = "Normal") -> str:
    """What is printed when the clock was compared `age` seconds ago and is off by `offset` seconds."""
    fields = "C0A80001,192.168.0.1,3,{},{},0,0,0,0,0,0,0,64,{}"
    line = fields.format(time.time() - age, offset, leap)
    (folder / "chronyc").write_text(f"#!/bin/sh\necho '{line}'\n", encoding="utf-8")
    (folder / "chronyc").chmod(0o755)
    text = PROGRAM.read_text(encoding="utf-8").replace("{{ header }}", "# header")
    limits = {"MAXIMUM_OFFSET": "0.1", "MAXIMUM_SILENCE": str(20 * MINUTE)}
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    done = subprocess.run(["sh", "-c", text], env={"PATH": path, **limits}, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize(
    ("offset", "age", "leap", "expected"),
    [
        (0.099, 19 * MINUTE, "Normal", ""),
        (-0.099, 19 * MINUTE, "Insert second", ""),
        (0.2, MINUTE, "Normal", "clock alarm: the clock is off by 0.200 s"),
        (-0.2, MINUTE, "Normal", "clock alarm: the clock is off by 0.200 s"),
        (0.0, 21 * MINUTE, "Normal", "clock alarm: no source has answered for 12"),
        (0.0, MINUTE, "Not synchronised", "clock alarm: the clock follows nobody"),
    ],
)
def test_an_alarm_is_printed_when_a_limit_is_passed(
    offset: float, age: float, leap: str, expected: str, tmp_path: Path
) -> None:
    printed = alarm(tmp_path, offset=offset, age=age, leap=leap)
    assert printed.startswith(expected)
    assert bool(printed) == bool(expected)
