"""A server for one signed zone at the lab's router, in the test's own process: the outside that the lab has not."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address, IPv6Address

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rdataset
import dns.rdatatype
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec

from province.lab.signed_zone import ALGORITHM, FLAGS

GOOD, BOGUS, SHORT = "192.0.2.10", "192.0.2.20", "192.0.2.30"
"""Addresses of the names `good`, `bogus` (changed after it was signed) and `short` (lives one second)."""

TEXT = f"""\
@     300 IN SOA ns hostmaster 1 3600 900 604800 60
@     300 IN NS ns
ns    300 IN A 192.0.2.1
good  300 IN A {GOOD}
bogus 300 IN A 192.0.2.99
short 1   IN A {SHORT}
"""


def signed(name: str, key: ec.EllipticCurvePrivateKey) -> dns.zone.Zone:
    """The zone, signed, with one record changed afterwards."""
    zone = dns.zone.from_text(TEXT, origin=f"{name}.", relativize=False)
    public = dns.dnssec.make_dnskey(key.public_key(), ALGORITHM, FLAGS)
    dns.dnssec.sign_zone(zone, keys=[(key, public)], lifetime=7 * 86400, dnskey_ttl=300)
    forged = dns.rdataset.from_text("IN", "A", 300, BOGUS)
    zone.replace_rdataset(f"bogus.{name}.", forged)
    return zone


def answer(zone: dns.zone.Zone, wire: bytes) -> bytes:
    """What the zone's server says to a question: records and their signatures, or that there are none."""
    question = dns.message.from_wire(wire)
    reply = dns.message.make_response(question)
    reply.flags |= dns.flags.AA
    asked = question.question[0]
    if zone.get_rdataset(asked.name, asked.rdtype):
        reply.answer.append(zone.find_rrset(asked.name, asked.rdtype))
        reply.answer.append(zone.find_rrset(asked.name, dns.rdatatype.RRSIG, asked.rdtype))
    else:
        assert zone.origin is not None
        reply.authority.append(zone.find_rrset(zone.origin, dns.rdatatype.SOA))
        reply.authority.append(zone.find_rrset(zone.origin, dns.rdatatype.RRSIG, dns.rdatatype.SOA))
    return reply.to_wire()


@contextmanager
def serving(zone: dns.zone.Zone, addresses: tuple[IPv4Address | IPv6Address, ...]) -> Iterator[None]:
    """Answer for a zone on port 53 of these addresses while the block runs."""

    class Datagrams(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, link = self.request
            link.sendto(answer(zone, wire), self.client_address)

    class Streams(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            length = int.from_bytes(self.request.recv(2), "big")
            reply = answer(zone, self.request.recv(length))
            self.request.sendall(len(reply).to_bytes(2, "big") + reply)

    with ExitStack() as stack:
        for address in addresses:
            for kind, handler in (
                (socketserver.ThreadingUDPServer, Datagrams),
                (socketserver.ThreadingTCPServer, Streams),
            ):
                server = _server(kind, handler, address)
                stack.enter_context(server)
                stack.callback(server.shutdown)
                threading.Thread(target=server.serve_forever, daemon=True).start()
        yield


def _server(
    kind: type[socketserver.TCPServer],
    handler: type[socketserver.BaseRequestHandler],
    address: IPv4Address | IPv6Address,
) -> socketserver.TCPServer:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    made = type("Server", (kind,), {"address_family": family, "allow_reuse_address": True})
    return made((str(address), 53), handler)  # type: ignore[no-any-return]
