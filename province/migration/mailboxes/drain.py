"""A Dovecot reads its settings anew, and who delivers ends first what it has begun; run on its host by `python3 -I -c`.

A server tells the processes of a service to end by closing a pipe that they share (MASTER_DEAD_FD). A delivery does so
at once (lmtp has no `die_callback`; 2.3.19 and 2.4.1), and answers by 421 even a message that it has kept a moment
before: its sender sends it once more. So the pipe is kept open here for as long as a delivery is under way. Who waits
for the next one is told by a signal that only the idle heed (SIGINT, `sig_die` in lib-master/master-service.c); who is
busy by one to take no other (SIGQUIT, `sig_close_listeners`). A relay that keeps its session has it ended when its
process waits for words (SIGTERM). The pipe says by itself when the last has ended.

The question is the one argument, as JSON: `doveadm` are the words that begin a command, `master` is the file with the
server's number, `seconds` is how long is waited. Whoever is left by then ends as if nobody had kept the pipe.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

STATUS, DEAD = 5, 6
"""The pipes of a service, as its processes have them (lib-master/master-interface.h)."""
DELIVERS = "lmtp"
MASTER = "dovecot"
"""What a process is called that the server has begun, and that is none of a service's yet."""
LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 3
"""How long a relay may go on in one session: more than the 2 s for which Postfix keeps one that it does not use, less
than the 6 s after which the server ends everybody, whatever they do (SERVICE_DIE_TIMEOUT_MSECS)."""
SPIN_SECONDS = 0.2
WAITS = {"ep_poll", "do_epoll_wait"}
"""What the kernel calls where a process is that waits for words (proc_pid_wchan(5)), by its release."""
GONE = (FileNotFoundError, ProcessLookupError)


def held(master: str) -> dict[str, int]:
    """The pipe of those who deliver, by its name, and kept open.

    Where nobody delivers, somebody may begin before the settings are read: then every pipe is kept open that no other
    service's process has, which that one's must be among.
    """
    delivers: set[str] = set()
    others: set[str] = set()
    for process, name in children(master):
        if name != MASTER:
            both = (pipe(process, DEAD), pipe(process, STATUS))
            (delivers if name == DELIVERS else others).update(one for one in both if one)
    mine = read_by(master)
    chosen = delivers & mine.keys() or mine.keys() - others
    return {one: os.open(mine[one], os.O_RDONLY | os.O_NONBLOCK) for one in sorted(chosen)}


def children(master: str) -> Iterator[tuple[str, str]]:
    """The number and the name of each process that the server began."""
    for place in Path("/proc").iterdir():
        with suppress(*GONE):
            if place.name.isdigit():
                head, _, rest = (place / "stat").read_text(errors="replace").rpartition(")")
                if rest.split()[1] == master:
                    yield place.name, head.partition("(")[2]


def pipe(process: str, number: int) -> str | None:
    """The name of a pipe that a process has; None where it has none, or has ended."""
    with suppress(*GONE):
        name = str(Path(f"/proc/{process}/fd/{number}").readlink())
        return name if name.startswith("pipe:") else None
    return None


def read_by(process: str) -> dict[str, str]:
    """The pipes that a process reads, by name, and where each is opened once more."""
    found = {}
    for place in Path(f"/proc/{process}/fd").iterdir():
        with suppress(*GONE):
            flags = Path(f"/proc/{process}/fdinfo/{place.name}").read_text().partition("flags:")[2].split()[0]
            if (name := pipe(process, int(place.name))) and int(flags, 8) & os.O_ACCMODE == os.O_RDONLY:
                found[name] = str(place)
    return found


def left(kept: dict[str, int]) -> set[str]:
    """The pipes that somebody still has."""
    asked = select.poll()
    for one in kept.values():
        asked.register(one, 0)
    over = {number for number, _ in asked.poll(0)}
    return {name for name, number in kept.items() if number not in over}


def end_asleep(process: str) -> None:
    """Tell one to end at a moment when it waits for its sender's next words: then no answer of its own is due."""
    end = time.monotonic() + SPIN_SECONDS
    with suppress(*GONE):
        while time.monotonic() < end:
            if Path(f"/proc/{process}/wchan").read_text() in WAITS:
                os.kill(int(process), signal.SIGTERM)
                return


def end_idle(process: str) -> None:
    """Tell one that serves nobody to end, one that serves somebody to take nobody else."""
    with suppress(*GONE):
        os.kill(int(process), signal.SIGINT)
        os.kill(int(process), signal.SIGQUIT)


def main(doveadm: list[str], master: str, seconds: float) -> None:
    """Keep, have the settings read, and wait."""
    kept, end = held(master), time.monotonic() + seconds
    if done := subprocess.run([*doveadm, "reload"], check=False, stdin=subprocess.DEVNULL).returncode:
        sys.exit(done)
    while kept.keys() <= read_by(master).keys() and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
    # It gives up the pipes of all services at once; what it reads still is its own.
    time.sleep(LOOK_SECONDS)
    kept = {name: kept[name] for name in kept.keys() - read_by(master).keys()}
    patient = time.monotonic() + PATIENCE_SECONDS
    while (waiting := left(kept)) and time.monotonic() < end:
        for process, name in children(master):
            if name == MASTER or pipe(process, DEAD) not in waiting:
                continue
            if name == DELIVERS:
                end_idle(process)
                if time.monotonic() > patient:
                    end_asleep(process)
            else:
                # Another service's, begun when its pipe was kept by guess: nobody waits for it.
                for one in {pipe(process, DEAD), pipe(process, STATUS)} & kept.keys():
                    os.close(kept.pop(str(one)))
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    try:
        main(asked["doveadm"], Path(asked["master"]).read_text(encoding="utf-8").strip(), asked["seconds"])
    except OSError as error:
        sys.exit(str(error))
