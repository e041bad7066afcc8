"""Who can be exported for, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from province.exports import backstage, dns, grafana, meeting_rooms, netbox, prometheus, public_dns, questionnaire, ssh
from province.exports.sources import Files, Sources

CONSUMERS: Mapping[str, Callable[[Sources], Files]] = MappingProxyType(
    {
        "netbox": netbox.files,
        "prometheus": prometheus.files,
        "ssh": ssh.files,
        "dns": dns.files,
        "public-dns": public_dns.files,
        "backstage": backstage.files,
        "grafana": grafana.files,
        "questionnaire": questionnaire.files,
        "meeting-rooms": meeting_rooms.files,
    }
)
