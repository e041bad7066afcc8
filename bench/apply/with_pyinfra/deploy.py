"""The capabilities packages, time and logging as a pyinfra deploy; the files are those of `host.data.rendered`."""

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
    *(
        files.file(name=f"Take packages from nowhere else: {path}", path=path, present=False, _sudo=True)
        for path in ("/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")
    ),
]
apt.update(name="Read the package lists", _sudo=True, _if=lambda: any(operation.did_change() for operation in sources))
apt.packages(
    name="Install what the capabilities need",
    packages=["ca-certificates", "python3-apt", "chrony", "logrotate", "rsyslog", "rsyslog-relp"],
    no_recommends=True,
    _sudo=True,
)

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

rsyslog = put("Configure rsyslog", "/etc/rsyslog.conf", "640")
journal = put("Configure the journal", "/etc/systemd/journald.conf.d/50-journal.conf")
systemd.service(name="Run rsyslog", service="rsyslog.service", running=True, enabled=True, _sudo=True)
systemd.service(
    name="Restart journald", service="systemd-journald.service", restarted=True, _sudo=True, _if=journal.did_change
)
systemd.service(name="Restart rsyslog", service="rsyslog.service", restarted=True, _sudo=True, _if=rsyslog.did_change)
