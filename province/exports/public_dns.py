"""For whoever answers for the province's domain on the Internet: one zone, with what the Internet may know and no more.

A name that sends no mail says so, and takes none: otherwise anybody could write in its name.
"""

from __future__ import annotations

from collections.abc import Iterator

from province.exports.sources import Files, Sources, origin
from province.exports.zone_file import Record, numbered, text_record, zone_file
from province.fleet.exposed import exposed_at
from province.fleet.fleet import Fleet
from province.fleet.public_names import Mail, PublicEntrance, mail_system
from province.fleet.site import Site, SitePurpose
from province.fleet.system import Exposure

SENDS_NO_MAIL = "v=spf1 -all"
TAKES_NO_MAIL = "0 ."
"""RFC 7505."""


def files(sources: Sources) -> Files:
    """`db.<domain>`; none for a province whose domain nobody answers for on the Internet."""
    fleet = sources.fleet
    if fleet.province.public_names is None:
        return {}
    domain = fleet.province.domain
    records = [*_systems(fleet), *_mail(fleet)]
    text = zone_file(domain, origin(fleet, "public-dns"), fleet.province.public_names.servers, domain, records)
    name = f"db.{domain}"
    return {name: numbered(text, sources.before.get(name), sources.today)}


def _entrances(fleet: Fleet) -> dict[str, tuple[Site, PublicEntrance]]:
    """Where the Internet meets the sites that are in service, the primary one first."""
    sites = [one for one in fleet.sites.values() if one.public and one.id not in fleet.fences]
    sites.sort(key=lambda one: (one.purpose is not SitePurpose.PRIMARY, one.id))
    return {one.id: (one, one.public) for one in sites if one.public}


def _systems(fleet: Fleet) -> Iterator[Record]:
    """Every public name, at each site that serves its system."""
    for site, entrance in _entrances(fleet).values():
        for name in exposed_at(fleet, site):
            if name.exposure is Exposure.INTERNET:
                yield from _at(name.host, entrance)
                yield name.host, "MX", TAKES_NO_MAIL
                yield name.host, "TXT", text_record(SENDS_NO_MAIL)


def _mail(fleet: Fleet) -> Iterator[Record]:
    """Who takes mail for the domain and who may send in its name; nobody while no system does."""
    domain = fleet.province.domain
    system = mail_system(fleet)
    serving = [
        (site, entrance) for site, entrance in _entrances(fleet).values() if system and system in fleet.systems_at(site)
    ]
    if system is None or system.mail is None or not serving:
        yield domain, "MX", TAKES_NO_MAIL
        yield domain, "TXT", text_record(SENDS_NO_MAIL)
        yield f"_dmarc.{domain}", "TXT", text_record("v=DMARC1; p=reject")
        return
    for place, (site, entrance) in enumerate(serving, start=1):
        host = f"{system.mail.exchange}.{system.id}.{site.id}.{domain}"
        yield domain, "MX", f"{place * 10} {host}."
        yield from _at(host, entrance)
        # What a relay calls itself is looked up, too (RFC 7208, 2.3).
        yield host, "TXT", text_record("v=spf1 a -all")
    senders = " ".join(f"ip4:{entrance.ipv4} ip6:{entrance.ipv6}" for _, entrance in serving)
    yield domain, "TXT", text_record(f"v=spf1 {senders} -all")
    yield from _signed(system.mail, domain)


def _signed(mail: Mail, domain: str) -> Iterator[Record]:
    """By which keys mail of the domain is signed (RFC 6376, 3.6.1), and what becomes of other mail (RFC 7489, 6.3)."""
    for one in mail.dkim:
        if one.key:
            yield f"{one.selector}._domainkey.{domain}", "TXT", text_record(f"v=DKIM1; k=rsa; p={one.key}")
    policy = f"p={mail.policy}; sp={mail.policy}; adkim=s; aspf=s"
    yield f"_dmarc.{domain}", "TXT", text_record(f"v=DMARC1; {policy}; rua=mailto:{mail.reports}@{domain}")


def _at(name: str, entrance: PublicEntrance) -> Iterator[Record]:
    yield name, "A", str(entrance.ipv4)
    yield name, "AAAA", str(entrance.ipv6)
