"""Commands at an environment's desk: what they print is kept, and none goes on once nobody hears it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from province.ops.workplace import Workplace

PATIENCE_S = 60
OPERATOR = """\
import signal, sys
from pathlib import Path
from province.ops.workplace import Workplace
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever started the tests may have had it ignored
command = "echo $$ > started.new; mv started.new started; exec sleep 300"
Workplace(Path(sys.argv[1]), "production").run("long", ["sh", "-c", command])
"""


def test_what_a_command_prints_is_kept_with_how_it_ended(tmp_path: Path) -> None:
    ended = Workplace(tmp_path, "production").run("short", ["sh", "-c", "echo said; echo wrong >&2; exit 3"])
    assert (ended.code, ended.text) == (3, "said\nwrong\n")
    apart = Workplace(tmp_path, "production").run("short", ["sh", "-c", "echo said; echo wrong >&2"], answers=True)
    assert (apart.code, apart.output.read_text(), apart.text) == (0, "said\n", "wrong\n")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_command_ends_with_who_started_it(tmp_path: Path, how: signal.Signals) -> None:
    operator = subprocess.Popen([sys.executable, "-c", OPERATOR, str(tmp_path)])
    started = tmp_path / "started"
    waited(started.exists, "the command has started")
    command = Path("/proc", started.read_text().strip())
    assert "sleep" in (command / "cmdline").read_text()
    operator.send_signal(how)
    operator.wait(PATIENCE_S)
    waited(lambda: not runs(command), "the command has ended, too")


def waited(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def runs(process: Path) -> bool:
    """Whether it is there and more than an entry that nobody has read yet."""
    try:
        return ") Z " not in (process / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
