"""One controller at a time: who is refused learns of whom, and what a dead one left is explained."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from province.locking import Holder, Locked, age, hold, read_holder
from province.whoami import operator

HERE = Holder(who="lan@desk", host=socket.gethostname(), pid=os.getpid(), since=datetime.now(UTC), what="OPS-114")
DEAD = """
import os, sys
from province.locking import Holder, hold
from pathlib import Path
with hold(Path(sys.argv[1]), Holder.this_process("OPS-115")):
    os._exit(9)
"""


def test_the_second_one_is_refused_and_learns_who_and_since_when(tmp_path: Path) -> None:
    early = HERE.model_copy(update={"since": datetime.now(UTC) - timedelta(minutes=12)})
    with hold(tmp_path / "lock", early), pytest.raises(Locked) as caught, hold(tmp_path / "lock", HERE):
        pass
    assert "another controller is at work: lan@desk" in caught.value.message
    assert "(12 min ago): OPS-114" in caught.value.message
    assert "nothing was changed" in caught.value.hint


def test_what_was_let_go_of_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), hold(tmp_path / "lock", HERE):
        raise KeyError
    with hold(tmp_path / "lock", HERE) as lock:
        assert lock.left_over is None


def test_the_lock_of_a_dead_process_is_free_and_tells_of_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert subprocess.run([sys.executable, "-c", DEAD, path], check=False).returncode == 9
    with hold(path, HERE) as lock:
        assert lock.left_over
        assert lock.left_over.what == "OPS-115"


def test_a_program_that_outlives_its_controller_keeps_the_lock(tmp_path: Path) -> None:
    path, said = tmp_path / "lock", list[str]()
    child = subprocess.Popen(["sleep", "1"], pass_fds=(descriptor := os.open(path, os.O_RDWR | os.O_CREAT),))
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    path.write_text(HERE.model_copy(update={"pid": gone()}).model_dump_json(), encoding="utf-8")
    os.close(descriptor)
    with pytest.raises(Locked, match="a program that it started is still at work"), hold(path, HERE):
        pass
    with hold(path, HERE, said.append):
        assert child.wait() == 0
    assert "waiting for its end" in said[0]


def gone() -> int:
    """The number of a process that was there."""
    done = subprocess.Popen(["true"])
    done.wait()
    return done.pid


def test_a_holder_that_was_cut_off_is_nobody(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text('{"who": "la', encoding="utf-8")
    assert read_holder(tmp_path / "lock") is None


@pytest.mark.parametrize(("seconds", "said"), [(5, "5 s"), (60, "1 min"), (7200, "2 h"), (200_000, "2 d")])
def test_an_age_has_one_unit(seconds: float, said: str) -> None:
    assert age(seconds) == said


def test_behind_sudo_it_is_the_person_who_called_it() -> None:
    assert operator({"SUDO_USER": "lan"}) == f"lan@{socket.gethostname()}"
