"""Runs on a verified host, never here: answers many commands over one connection. Python's standard library alone.

Standard input: one line of JSON with `commands`, `seconds` for each of them, and `applied`, the file that says what
was applied last. Standard output: a line of JSON for who the host is, one for each command as it ends, one at the
end, and one every few seconds while nothing else is said, so that silence means that the host is gone.

A command that is nothing but a program of Python is not started: a fork of one process, which has what several of them
import, runs it. Starting Python and reading `ssl` took longer than most answers do.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
import locale
import os
import queue
import re
import shlex
import signal
import site
import subprocess
import sys
import threading
import time
import zlib
from types import CodeType, ModuleType

AT_A_TIME = 2
"""Commands side by side: some only wait for an answer from the network."""
NICE = 10
"""Being looked at must not keep the host from its work: a tunnel that answers late counts as lost."""
ALIVE_EVERY = 5.0
BOOT = "/proc/sys/kernel/random/boot_id"
LANGUAGE = {"LC_ALL": "C.UTF-8", "LANGUAGE": ""}
PLAIN = re.compile(r"""(?:'[^']*'|"[^"$`\\]*"|[\w@%+=:,./ \t-])+""", re.ASCII)
"""Words in which a shell finds nothing to do but to take their quotes away (shlex.quote writes such)."""
SETTING = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
SHARED = ("http.client", "socket", "ssl", "subprocess", "urllib.request")
"""Modules that are worth reading once for all programs that name them."""


def packed(data: bytes) -> str:
    """Bytes as text, short."""
    return base64.b64encode(zlib.compress(data, 1)).decode()


def content(path: str) -> dict[str, object]:
    """A file's text and when it was last written, in nanoseconds; nothing for a file that is not there."""
    try:
        with open(path, encoding="utf-8") as file:
            return {"text": file.read(), "written": os.fstat(file.fileno()).st_mtime_ns}
    except OSError:
        return {"text": "", "written": 0}


def answer(number: int, command: str, seconds: float) -> dict[str, object]:
    """How a command ended; `hung` when it did not within its time and was killed with all that it had started."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **LANGUAGE},
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return {"number": number, "hung": True}
    return {"number": number, "code": process.returncode, "out": packed(out), "err": packed(err)}


def say(words: dict[str, object]) -> None:
    """Send one line."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


class Program:
    """A program of Python: its text and its words as `python3` would get them, and settings of its environment."""

    def __init__(self, name: str, text: str, words: list[str], settings: dict[str, str]) -> None:
        self.name = name
        self.text = text
        self.words = words
        self.settings = settings

    def prepared(self) -> CodeType:
        """In a fork, everything as a fresh interpreter has it; what is left to do is to run the code."""
        os.environ.update(self.settings)
        sys.argv = self.words
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
        sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        return compile(self.text, self.name, "exec")


def program_of(command: str) -> Program | None:
    """The program that a command starts; None when a shell has anything to do with it, or when it is not Python's."""
    if "python3" not in command or not PLAIN.fullmatch(command):
        return None
    words, settings = shlex.split(command), {}
    while words and SETTING.match(words[0]):
        name, _, settings[name] = words.pop(0).partition("=")
    if len(words) < 3 or words[0] != "python3":
        return None
    if words[1] in {"-c", "-ISc"}:
        return Program("<string>", words[2], ["-c", *words[3:]], settings)
    if words[1] == "-I" and os.path.isfile(words[2]):
        with open(words[2], encoding="utf-8") as file:
            return Program(words[2], file.read(), words[2:], settings)
    return None


def run_programs(programs: dict[int, Program], seconds: float, to: int) -> Program | None:
    """Fork for each program, one after the other, and write how it ended; returns, in a fork, the program to run."""
    os.environ.update(LANGUAGE)
    locale.setlocale(locale.LC_ALL, "C.UTF-8")
    site.main()
    for name in SHARED:
        if sum(name in program.text for program in programs.values()) > 1:
            importlib.import_module(name)
    for number, program in programs.items():
        out, err = os.memfd_create("out"), os.memfd_create("err")
        child = os.fork()
        if child == 0:
            os.setsid()
            os.dup2(out, 1)
            os.dup2(err, 2)
            signal.setitimer(signal.ITIMER_REAL, seconds)
            return program
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        told: dict[str, object] = {"number": number, "hung": True}
        if ended == -signal.SIGALRM:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        else:
            told = {"number": number, "code": ended, "out": packed(content_of(out)), "err": packed(content_of(err))}
        os.write(to, f"{json.dumps(told)}\n".encode())
    return None


def content_of(memory: int) -> bytes:
    """What was written to a file in memory, which is closed."""
    os.lseek(memory, 0, os.SEEK_SET)
    with open(memory, "rb") as file:
        return file.read()


def begin(programs: dict[int, Program], seconds: float) -> tuple[Program | None, int]:
    """Start the process that runs programs: where its answers can be read; in a fork, the program that it is to run."""
    answers, to = os.pipe()
    if not programs or os.fork():
        os.close(to)
        return None, answers
    os.close(answers)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    if chosen := run_programs(programs, seconds, to):
        return chosen, to
    os._exit(0)


class Answers:
    """Everything that was asked, and what of it was answered."""

    def __init__(self, commands: list[str], seconds: float) -> None:
        self.commands = commands
        self.seconds = seconds
        self.waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.ended: queue.SimpleQueue[dict[str, object]] = queue.SimpleQueue()

    def ask(self, number: int) -> None:
        """Run a command to its end."""
        self.ended.put(answer(number, self.commands[number], self.seconds))

    def work(self) -> None:
        """Run commands as long as some wait."""
        while True:
            try:
                self.ask(self.waiting.get_nowait())
            except queue.Empty:
                return

    def listen(self, answers: int, numbers: set[int]) -> None:
        """Pass on how programs ended; those that are left when the process that runs them is gone are started here."""
        with open(answers, encoding="utf-8") as lines:
            for line in lines:
                told = json.loads(line)
                numbers.discard(told["number"])
                self.ended.put(told)
        for number in sorted(numbers):
            self.ask(number)


def main() -> Program | None:
    """Answer one request; returns the program in the fork that is to run it, and nothing where the request came."""
    os.nice(NICE)
    request = json.loads(sys.stdin.readline())
    asked = Answers(request["commands"], request["seconds"])
    programs = {number: found for number, command in enumerate(asked.commands) if (found := program_of(command))}
    boot = str(content(BOOT)["text"]).strip()
    say({"boot": boot, "applied": content(request["applied"]), "now": time.time()})
    chosen, answers = begin(programs, asked.seconds)
    if chosen:
        return chosen
    for number in range(len(asked.commands)):
        if number not in programs:
            asked.waiting.put(number)
    threading.Thread(target=asked.listen, args=(answers, set(programs)), daemon=True).start()
    for _ in range(min(AT_A_TIME, asked.waiting.qsize())):
        threading.Thread(target=asked.work, daemon=True).start()
    left = len(asked.commands)
    while left:
        try:
            say(asked.ended.get(timeout=ALIVE_EVERY))
            left -= 1
        except queue.Empty:
            say({"alive": True})
    say({"end": True, "applied": content(request["applied"])})
    return None


if program := main():
    module = sys.modules["__main__"] = ModuleType("__main__")
    if program.words[0] == program.name:
        module.__file__ = program.name
    exec(program.prepared(), module.__dict__)  # noqa: S102 - it is what the request asks for
