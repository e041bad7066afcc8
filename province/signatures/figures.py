"""When signatures end, as figures for those who watch: numbers by kind, and no name, unit or serial number.

The register lies at the desk, which nobody scrapes. So the desk tells each watcher, whose `host-facts` repeats it until
the next time; rules speak of what is over, of what ends within 30 days, and of a desk that has told nothing for a week.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.site import Duty
from province.ops.question import Ask
from province.signatures.register import by_time
from province.signatures.row import Signature

FILE = "/var/lib/province/signatures.prom"
"""Where `host-facts` looks for them (templates/common/metrics)."""
PUT = ("/bin/sh", "-c", f"umask 022 && cat > {FILE}.new && sync {FILE}.new && mv {FILE}.new {FILE}")


def figures(rows: Mapping[str, Signature], today: date, now: datetime) -> str:
    """Prometheus' text format (0.0.4): how many of each kind are over or end within each step, and when that was so."""
    lines = [
        f'province_signatures{{kind="{kind}",ends="{step}"}} {count}'
        for kind, steps in by_time(rows, today).items()
        for step, count in steps.items()
    ]
    return "\n".join((*lines, f"province_signatures_told_seconds {now.timestamp():.0f}", ""))


def watchers(fleet: Fleet) -> list[str]:
    """Hosts that watch, by name."""
    return sorted(host.name for host in fleet.hosts.values() if Duty.MONITORING in host.duties)


def tell(fleet: Fleet, ask: Ask, text: str) -> dict[str, str]:
    """Give every watcher the figures; why not, by the names of those who could not be told."""
    missed: dict[str, str] = {}
    for host in watchers(fleet):
        try:
            ask(host, PUT, text)
        except (ConnectionError, ProvinceError) as error:
            missed[host] = str(error)
    return missed
