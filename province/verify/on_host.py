"""Runs on a verified host, never here: answers many commands over one connection. Python's standard library alone.

Standard input: one line of JSON with `commands`, `seconds` for each of them, and `applied`, the file that says what
was applied last. Standard output: a line of JSON for who the host is, one for each command as it ends, one at the
end, and one every few seconds while nothing else is said, so that silence means that the host is gone.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import zlib

AT_A_TIME = 2
"""Commands side by side: some only wait for an answer from the network."""
NICE = 10
"""Being looked at must not keep the host from its work: a tunnel that answers late counts as lost."""
ALIVE_EVERY = 5.0
BOOT = "/proc/sys/kernel/random/boot_id"


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
        env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": ""},
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


def main() -> None:
    """Answer one request."""
    os.nice(NICE)
    request = json.loads(sys.stdin.readline())
    waiting: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
    ended: queue.SimpleQueue[dict[str, object]] = queue.SimpleQueue()
    for one in enumerate(request["commands"]):
        waiting.put(one)

    def work() -> None:
        while True:
            try:
                number, command = waiting.get_nowait()
            except queue.Empty:
                return
            ended.put(answer(number, command, request["seconds"]))

    boot = str(content(BOOT)["text"]).strip()
    say({"boot": boot, "applied": content(request["applied"]), "now": time.time()})
    left = waiting.qsize()
    for _ in range(min(AT_A_TIME, left)):
        threading.Thread(target=work, daemon=True).start()
    while left:
        try:
            say(ended.get(timeout=ALIVE_EVERY))
            left -= 1
        except queue.Empty:
            say({"alive": True})
    say({"end": True, "applied": content(request["applied"])})


main()
