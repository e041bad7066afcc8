"""Start and stop the lab's file server."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.lab import inside, processes
from province.lab.commands import enter, run
from province.lab.spec import LabSpec
from province.lab.state import Place

MODULE = "province.lab.serve"
START_SECONDS = 20.0


def command(place: Place, spec: LabSpec) -> tuple[str, ...]:
    """Return the words the server is started with, by which it is also found again."""
    where = ("--root", str(place.mirror / "served"))
    listen = ("--address", str(spec.station), "--port", str(spec.mirror.port))
    return (sys.executable, "-m", MODULE, "--lab", place.id, *where, *listen)


def ensure(place: Place, spec: LabSpec) -> bool:
    """Start the server unless it already runs as specified; True if it was started."""
    wanted = command(place, spec)
    if [process.argv for process in running(place)] == [wanted]:
        return False
    stop(place)
    place.mirror.mkdir(parents=True, exist_ok=True)
    log = place.mirror / "server.log"
    detached = 'setsid "$@" >> "$LOG" 2>&1 < /dev/null & echo $!'
    pid = run(["sh", "-c", detached, "sh", *enter(place.netns), *wanted], env={"LOG": str(log)}, cwd=Path("/"))
    alive = partial(Path(f"/proc/{pid.strip()}").exists)
    probe = partial(inside.accepts, spec.station, spec.mirror.port)
    if inside.each(place.netns, lambda _: inside.wait_for(probe, START_SECONDS, alive), [pid], workers=1) != [True]:
        said = log.read_text(errors="replace").splitlines()[-1:]
        raise ProvinceError(
            f"the lab's file server does not answer at {spec.station}:{spec.mirror.port}",
            hint=f"{log}: {''.join(said)}",
            exit_code=ExitCode.MACHINE,
        )
    return True


def running(place: Place) -> list[processes.Process]:
    """Return this lab's server processes."""
    return processes.find(lambda argv: MODULE in argv and processes.option(argv, "--lab") == place.id)


def stop(place: Place) -> None:
    """End the server."""
    processes.end([process.pid for process in running(place)])
