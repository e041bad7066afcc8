"""Systems of others that the province's systems talk to, and what is known about reaching them.

`endpoints.yml` is a list: `- {id: tax, name: ..., protocol: https, port: 443, zone: dmz, ...}`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from ipaddress import ip_address

from province.fleet.fact import Fact, FeatureId, Names, NonBlank, Port, Slug, SourceRef
from province.fleet.feature import Feature, FeatureKind
from province.fleet.findings import Finding
from province.fleet.references import unresolved


class Protocol(StrEnum):
    """What is spoken with an endpoint; it decides which proxy or gateway the traffic passes."""

    HTTPS = "https"
    HTTP = "http"
    XROAD = "xroad"
    OIDC = "oidc"
    SIP = "sip"
    S3 = "s3"
    SYSLOG_TLS = "syslog-tls"
    DNS = "dns"
    NTP = "ntp"
    SMTP = "smtp"


class Via(StrEnum):
    """Which network carries the traffic out of the data centre."""

    TSLCD = "tslcd"
    INTERNET = "internet"


_MENDS = {
    Protocol.DNS: "write the address: a resolver is what names are asked of",
    Protocol.NTP: "write the address: a clock has to be right before a signed name can be checked",
}
"""What is found by its address only, and why."""


class Endpoint(Fact):
    """One external system, as seen from the data centre.

    `zone` is the only data-centre zone from which it may be reached. `host`, `port` and `via` are null as
    long as nobody told us; `verified` turns true when the other side has confirmed them in writing, and
    until then the endpoint blocks production.
    """

    id: Slug
    name: Names
    protocol: Protocol
    port: Port | None
    zone: Slug
    host: NonBlank | None = None
    via: Via | None = None
    verified: bool = False
    source: SourceRef
    note: NonBlank | None = None
    features: tuple[FeatureId, ...] = ()

    @property
    def fit_for_production(self) -> bool:
        """Whether traffic may really be sent there: confirmed, and complete."""
        return self.verified and None not in (self.host, self.port, self.via)


def check_endpoints(
    endpoints: Mapping[str, Endpoint],
    *,
    zones: Collection[str],
    features: Mapping[int, Feature],
    origins: Mapping[str, str],
) -> list[Finding]:
    """Zones exist, what is verified is complete, and every row of kind EXT has its endpoint.

    `zones` are the names of the data-centre zones, `origins` maps "endpoints/<id>" to a file.
    """
    found: list[Finding] = []
    for id_, endpoint in endpoints.items():
        file = origins.get(f"endpoints/{id_}", f"endpoints/{id_}")
        found += unresolved(file, f"{id_}.zone", endpoint.zone, zones, "data-centre zone")
        if endpoint.verified and not endpoint.fit_for_production:
            mend = "give host, port and via, or set verified to false"
            found.append(Finding(file, f"{id_}.verified", "True", "verified, but not complete", mend))
        why = _MENDS.get(endpoint.protocol)
        if why and endpoint.host and not _is_address(endpoint.host):
            found.append(Finding(file, f"{id_}.host", endpoint.host, "is no address", why))
    return found + _without_endpoint(endpoints.values(), features, origins)


def unconfirmed(endpoints: Mapping[str, Endpoint], origins: Mapping[str, str]) -> list[Finding]:
    """What production waits for: endpoints that nobody on the other side has confirmed."""
    return [
        Finding(
            origins.get(f"endpoints/{id_}", f"endpoints/{id_}"),
            f"{id_}.verified",
            str(endpoint.verified),
            "not confirmed by its operator",
            "ask for host, port and network in writing, then set verified to true",
        )
        for id_, endpoint in endpoints.items()
        if not endpoint.fit_for_production
    ]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _without_endpoint(
    endpoints: Iterable[Endpoint], features: Mapping[int, Feature], origins: Mapping[str, str]
) -> list[Finding]:
    served = {row for endpoint in endpoints for row in endpoint.features}
    return [
        Finding(
            origins.get(f"features/{row}", "features"),
            f"{row}.kinds",
            "EXT",
            f"no endpoint declares row {row} ({feature.name.en})",
            "name the row in the `features` of an endpoint",
        )
        for row, feature in features.items()
        if FeatureKind.EXT in feature.kinds and row not in served
    ]
