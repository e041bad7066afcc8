"""One round trip with many hosts, through a stand-in for ssh: slow, silent, dying, talkative and strange hosts."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from province.verify.batch import Answers, Batch, Book
from province.verify.gather import Limits, gather
from province.verify.reach import Answer, moved
from province.verify.snapshot import OLDEST_SECONDS, Said, Snapshot, Stamp
from province.verify.transport import Hung

SSH = """#!/bin/sh
# Stands for ssh: after the options, $1 is the host, $2 the command; some hosts are not as they should be.
while test "${1#-}" != "$1"; do shift 2; done
case "$1" in
    away) echo "ssh: connect to host away port 22: No route to host" >&2; exit 255;;
    mute) exec sleep 60;;
    dying) /bin/sh -c "$2" | head -n 2; echo "client_loop: send disconnect: Broken pipe" >&2; exit 255;;
    frozen) /bin/sh -c "$2" | head -n 2; exec sleep 60;;
    stern) echo "Everything is recorded." >&2; exec /bin/sh -c "$2";;
    chatty) echo "Welcome to the host"; echo "{not JSON"; exec /bin/sh -c "$2";;
    strange) export LC_ALL=vi_VN.TCVN LANGUAGE=vi; exec /bin/sh -c "$2";;
esac
exec /bin/sh -c "$2"
"""
SUDO = '#!/bin/sh\nshift\nexec "$@"\n'
QUICK = Limits(command=2.0, first=5.0, silence=3.0)


@pytest.fixture(autouse=True)
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("ssh", SSH), ("sudo", SUDO)):
        program = tmp_path / name
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin:/usr/sbin")


def one(host: str, *commands: str) -> Snapshot:
    found = gather({host: commands}, Path("config"), QUICK)[host]
    assert found.snapshot, found.silence
    return found.snapshot


def test_every_command_of_every_host_is_answered_in_one_go() -> None:
    commands = [f"echo {number}; echo wrong >&2; exit {number}" for number in range(9)]
    found = gather({"a": commands, "b": commands[:1], "c": []}, Path("config"), QUICK)
    said = [found["a"].snapshot.said[command] for command in commands] if found["a"].snapshot else []
    assert said == [Said(number, f"{number}\n".encode(), b"wrong\n") for number in range(9)]
    assert found["b"].snapshot
    assert found["c"].snapshot
    assert found["c"].snapshot.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_what_a_host_says_before_it_lets_anybody_in_is_among_the_answers() -> None:
    assert one("stern", "echo yes").banner == "Everything is recorded.\n"
    assert one("a", "echo yes").banner == ""


def test_ten_megabytes_and_bytes_that_are_no_text_come_as_they_are() -> None:
    big, raw = "head -c 10000000 /dev/zero | tr '\\0' x", "printf 'caf\\351\\200'"
    said = one("a", big, raw).said
    assert said[big].out == b"x" * 10_000_000
    assert said[raw].out == b"caf\xe9\x80"
    backend = Batch("a", "config", answers=Answers({"a": one("a", raw)}))
    assert backend.run(raw).stdout == "caf\\xe9\\x80"


def test_the_host_s_own_locale_and_what_its_shell_says_first_make_no_difference() -> None:
    locale = "echo $LC_ALL $LANGUAGE"
    assert one("strange", locale).said[locale].out == b"C.UTF-8\n"
    assert one("chatty", "true").said["true"].code == 0


def test_a_command_that_hangs_is_told_apart_and_holds_up_nothing_else(tmp_path: Path) -> None:
    hanging = f"(sleep 50; touch {tmp_path}/late) & sleep 60"
    begun = time.monotonic()
    snapshot = one("a", hanging, *(f"sleep 0.1; echo {number}" for number in range(8)))
    assert time.monotonic() - begun < 20
    assert [said.hung for said in snapshot.said.values()].count(True) == 1
    with pytest.raises(Hung, match="no end within"):
        Batch("a", "config", answers=Answers({"a": snapshot})).run(hanging)


PYTHON = {
    "python3 -c 'import sys; print(sys.argv); sys.exit(3)' one 'two words'": Said(
        3, b"['-c', 'one', 'two words']\n", b""
    ),
    'WORD=yes python3 -c \'import os; print(os.environ["WORD"], os.environ["LC_ALL"])\'': Said(
        0, b"yes C.UTF-8\n", b""
    ),
    """python3 -c 'print('"'"'Kiên Giang'"'"', repr(input))'""": Said(
        0, "Kiên Giang <built-in function input>\n".encode(), b""
    ),
    "python3 -ISc 'import sys; sys.exit(\"no reason\")'": Said(1, b"", b"no reason\n"),
    "python3 -c 'import os; os.write(1, bytes([233])); os.kill(os.getpid(), 9)'": Said(-9, b"\xe9", b""),
    "python3 -c 'import threading; threading.Timer(0.1, print, [__name__]).start()'": Said(0, b"__main__\n", b""),
}
"""Programs of Python and how they end."""


@pytest.mark.parametrize("host", ["a", "strange"])
def test_programs_of_python_end_as_if_they_had_been_started_and_are_not(host: str, tmp_path: Path) -> None:
    (tmp_path / "python3").write_text("#!/bin/sh\necho started\n", encoding="utf-8")
    (tmp_path / "python3").chmod(0o755)
    script = tmp_path / "script"
    script.write_text("import sys\nprint(sys.argv[1:], __name__, open(__file__).read(6))\n", encoding="utf-8")
    shell = "python3 -c 'print(1)' > /dev/null; echo $HOME | python3 -c 'print(1)'"
    told = one(host, *PYTHON, f"python3 -I {script} status", shell, "python3 -c 'raise KeyError(7)'").said
    assert {command: told[command] for command in PYTHON} == PYTHON
    assert told[f"python3 -I {script} status"].out == b"['status'] __main__ import\n"
    assert told[shell].out == b"started\n", "what a shell has to read goes to a shell"
    failed = told["python3 -c 'raise KeyError(7)'"]
    assert (failed.code, failed.err.splitlines()[-1]) == (1, b"KeyError: 7")


def test_a_program_of_python_that_hangs_is_told_apart_and_one_that_kills_its_runner_loses_nothing(
    tmp_path: Path,
) -> None:
    hangs = f'python3 -c \'import subprocess; subprocess.run(["sh", "-c", "sleep 9; touch {tmp_path}/late"])\''
    kills = "python3 -c 'import os; os.kill(os.getppid(), 9)'"
    said = one("a", hangs, "python3 -c 'print(1)'", "python3 -c 'print(2)'", "echo 3").said
    assert [one.hung for one in said.values()].count(True) == 1
    assert said[hangs].hung
    assert one("a", kills, "python3 -c 'print(2)'", "echo 3").said["python3 -c 'print(2)'"].out == b"2\n"


def test_hosts_that_are_away_mute_dying_or_frozen_are_silent_with_the_reason_and_the_others_are_not() -> None:
    commands = [f"echo {number}" for number in range(30)]
    begun = time.monotonic()
    found = gather(dict.fromkeys(("away", "mute", "dying", "frozen", "well"), commands), Path("config"), QUICK)
    assert time.monotonic() - begun < 30
    assert found["well"].snapshot
    assert len(found["well"].snapshot.said) == len(commands)
    silent = {name: gathered.silence for name, gathered in found.items() if not gathered.snapshot}
    assert silent == {
        "away": "ssh: connect to host away port 22: No route to host",
        "mute": "no answer within 5 s",
        "dying": "the connection ended (after 1 of 30 answers)",
        "frozen": "no answer within 3 s (after 1 of 30 answers)",
    }


def snapshot(**changes: object) -> Snapshot:
    fields: dict[str, object] = {"boot": "b", "before": Stamp("x", 1), "after": Stamp("x", 1), "taken": 100.0}
    return Snapshot(**{**fields, "said": {"true": Said(0, b"", b"")}, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ({}, ""),
        ({"after": Stamp("y", 2)}, "something was applied while the host was asked"),
        ({"taken": -OLDEST_SECONDS}, f"it is {OLDEST_SECONDS + 100:.0f} s old (limit {OLDEST_SECONDS:.0f} s)"),
    ],
)
def test_a_snapshot_is_bound_to_time_and_what_was_applied(words: dict[str, object], refusal: str) -> None:
    assert snapshot(**words).refusal(100.0) == refusal


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (Answer("b", "m"), ""),
        (Answer(silence="away"), ""),
        (Answer("other", "m"), "the host was started again since it was asked"),
        (Answer("b", "n"), "something was applied since it was asked"),
        (Answer("b"), "something was applied since it was asked"),
    ],
)
def test_what_a_host_told_is_bound_to_its_boot_and_to_what_was_applied(now: Answer, why: str) -> None:
    assert moved(Answer("b", "m"), now) == why


def test_what_may_not_be_used_is_asked_live_and_counted() -> None:
    answers = Answers({"a": snapshot(after=Stamp("y", 2))})
    assert answers.find("a", "true") is None
    assert answers.find("b", "true") is None
    assert (answers.found, sum(answers.missed.values())) == (0, 2)
    assert "a: what was gathered is not used, something was applied while the host was asked" in answers.summary
    assert Batch("a", "config", answers=answers).run("echo yes").stdout == "yes\n"


def test_the_book_forgets_after_a_whole_run_and_keeps_after_a_part(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "commands.json"
    Book(path).write({"a": ["one", "two"], "b": ["one"]}, whole=True)
    Book(path).write({"a": ["three"]}, whole=False)
    assert Book(path).of(["a", "b", "c"]) == {"a": ["one", "two", "three"], "b": ["one"], "c": []}
    Book(path).write({"a": ["three"]}, whole=True)
    assert Book(path).of(["a"]) == {"a": ["three"]}
    assert path.stat().st_mode & 0o077 == 0
