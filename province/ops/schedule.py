"""Units of systemd that verify every host and look for drift every night, on the desk that is allowed to ask hosts.

The service may write its own folder `.province` and nothing else of that machine; a run that found something fails its
unit, so that whoever watches the desk hears of it. What it may do on hosts is decided by the certificate that the
environment's ssh configuration names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from province.fleet.calendar import LOCAL

MADE_BY = "# Written by `province schedule`; run it again instead of editing this file."
TURNS = {"verify": "Verify every host", "drift": "Look for drift of hosts and clusters"}
"""What is done, in this order: while hosts are verified, the other waits."""
LONGEST_S = 4 * 3600
"""A run that takes longer hangs; so long before the morning it is ended and counts as failed."""

SERVICE = """{made_by}
[Unit]
Description={what}: {environment}
Wants=network-online.target
After=network-online.target{after}

[Service]
Type=oneshot
User={account}
WorkingDirectory={checkout}
ExecStart={checkout}/.venv/bin/province {verb} --environment {environment}
TimeoutStartSec={longest_s}
# Nothing is made here but evidence, its table and logs.
ReadWritePaths={checkout}/.province
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
CapabilityBoundingSet=
NoNewPrivileges=yes
"""

TIMER = """{made_by}
[Unit]
Description={what}, every night: {environment}

[Timer]
OnCalendar=*-*-* {at} {zone}
# A desk that was off at night does it in the morning.
Persistent=yes

[Install]
WantedBy=timers.target
"""


@dataclass(frozen=True)
class Schedule:
    """Whose desk it is: the checkout, the environment it is about, the account that asks, when (HH:MM, Việt Nam)."""

    checkout: Path
    environment: str
    account: str
    at: str

    def units(self) -> dict[str, str]:
        """The files by name: a service and a timer for each turn."""
        found: dict[str, str] = {}
        before = ""
        for verb, what in TURNS.items():
            values = {
                "made_by": MADE_BY,
                "what": what,
                "verb": verb,
                "environment": self.environment,
                "account": self.account,
                "checkout": self.checkout,
                "after": before,
                "longest_s": LONGEST_S,
                "at": self.at,
                "zone": LOCAL.key,
            }
            found[f"province-{verb}.service"] = SERVICE.format(**values)
            found[f"province-{verb}.timer"] = TIMER.format(**values)
            before += f" province-{verb}.service"
        return found
