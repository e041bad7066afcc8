"""The capabilities packages, updates and time as a pyinfra deploy; the files are those of `host.data.rendered`."""

from __future__ import annotations

from typing import Any

from pyinfra.context import host
from pyinfra.operations import apt, files, systemd


def put(name: str, path: str, mode: str = "644") -> Any:
    """Put one of the host's rendered files in its place."""
    return files.put(
        name=name, src=f"{host.data.rendered}{path}", dest=path, user="root", group="root", mode=mode, _sudo=True
    )


sources = [
    put("Trust the key of the mirror", "/etc/apt/keyrings/mirror.asc"),
    put("Take packages from the mirror", "/etc/apt/sources.list.d/mirror.sources"),
    put("Configure apt", "/etc/apt/apt.conf.d/90mirror"),
    put("Put what finds the nearest cache", "/etc/apt/near-packages", "755"),
    *(
        files.file(name=f"Take packages from nowhere else: {path}", path=path, present=False, _sudo=True)
        for path in ("/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")
    ),
]
apt.update(name="Read the package lists", _sudo=True, _if=lambda: any(operation.did_change() for operation in sources))
apt.packages(
    name="Install what the capabilities need",
    packages=["ca-certificates", "python3-apt", "chrony"],
    no_recommends=True,
    _sudo=True,
)

put("Let nothing update itself", "/etc/apt/apt.conf.d/60-updates")
put("Hold back what is held", "/etc/apt/preferences.d/held")
for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"):
    systemd.service(name=f"Stop {timer}", service=timer, running=False, enabled=False, _sudo=True)

chrony = [
    put("Configure chrony", "/etc/chrony/chrony.conf"),
    put("Set the options of its daemon", "/etc/default/chrony"),
    put("Set its unit", "/etc/systemd/system/chrony.service.d/borrowed-clock.conf"),
]
systemd.service(name="Run chrony", service="chrony.service", running=True, enabled=True, _sudo=True)
systemd.service(
    name="Restart chrony",
    service="chrony.service",
    restarted=True,
    daemon_reload=True,
    _sudo=True,
    _if=lambda: any(operation.did_change() for operation in chrony),
)

put("Put the alarm of the clock", "/usr/local/lib/province/clock-alarm.sh")
alarm = [
    put("Make it a service", "/etc/systemd/system/clock-alarm.service"),
    put("Make its timer", "/etc/systemd/system/clock-alarm.timer"),
]
systemd.daemon_reload(name="Read the units", _sudo=True, _if=lambda: any(operation.did_change() for operation in alarm))
systemd.service(name="Run the alarm's timer", service="clock-alarm.timer", running=True, enabled=True, _sudo=True)
systemd.service(
    name="Restart the alarm's timer",
    service="clock-alarm.timer",
    restarted=True,
    _sudo=True,
    _if=lambda: any(operation.did_change() for operation in alarm),
)
