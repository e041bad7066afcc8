"""A name in a zone whose server takes dynamic updates (RFC 2136), signed with a key (RFC 8945)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsigkeyring
import dns.update

from province.errors import ExitCode, ProvinceError

PATIENCE_S = 5
KINDS = ("A", "AAAA")
_KEY = re.compile(r'key\s+"?([^\s"{]+)"?\s*\{\s*algorithm\s+"?([\w.-]+)"?\s*;\s*secret\s+"([^"]+)"\s*;')


@dataclass(frozen=True)
class Addresses:
    """Where a name leads, and for how many seconds who asked may keep that."""

    addresses: frozenset[str]
    ttl: int


@dataclass(frozen=True)
class Name:
    """A name, the address of the server of its zone, and a file with the key, as `tsig-keygen` writes it."""

    name: str
    zone: str
    server: str
    key: str
    port: int = 53

    def read(self) -> Addresses:
        """What the server of the zone says; ProvinceError where it says nothing."""
        found: set[str] = set()
        ttls = []
        for kind in KINDS:
            answer = self._ask(self.name, kind)
            for rrset in answer:
                ttls.append(rrset.ttl)
                found |= {str(one) for one in rrset}
        if not ttls:
            raise ProvinceError(f"{self.server}: {self.name} leads nowhere", hint="nothing was switched")
        return Addresses(frozenset(found), max(ttls))

    def note(self) -> str:
        """What a move noted beside the name; empty when it noted nothing."""
        return "".join(str(one).strip('"') for rrset in self._ask(self._beside, "TXT") for one in rrset)

    def write(self, addresses: Iterable[str], ttl: int, note: str) -> None:
        """Let the name lead there, and note something beside it, in one update: all of it or nothing."""
        update = dns.update.UpdateMessage(self.zone, keyring=self._keyring())
        for kind in KINDS:
            update.delete(self._absolute(self.name), kind)
        for one in sorted(addresses):
            update.add(self._absolute(self.name), ttl, "AAAA" if ":" in one else "A", one)
        update.delete(self._absolute(self._beside), "TXT")
        if note:
            update.add(self._absolute(self._beside), ttl, "TXT", f'"{note}"')
        code = self._send(update).rcode()
        if code != dns.rcode.NOERROR:
            raise ProvinceError(
                f"{self.server}: refused to change {self.name}: {dns.rcode.to_text(code)}",
                hint=f"may the key in {self.key} change this name? Nothing was switched",
            )

    @property
    def _beside(self) -> str:
        return f"_province-move.{self.name}"

    @staticmethod
    def _absolute(name: str) -> dns.name.Name:
        return dns.name.from_text(name)

    def _ask(self, name: str, kind: str) -> list[dns.rrset.RRset]:
        answer = self._send(dns.message.make_query(self._absolute(name), kind))
        if answer.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
            raise ProvinceError(f"{self.server}: {name} {kind}: {dns.rcode.to_text(answer.rcode())}")
        wanted = dns.rdatatype.from_text(kind)
        return [one for one in answer.answer if one.rdtype == wanted]

    def _send(self, message: dns.message.Message) -> dns.message.Message:
        try:
            return dns.query.tcp(message, self.server, timeout=PATIENCE_S, port=self.port)
        except (OSError, dns.exception.DNSException) as error:
            raise ProvinceError(f"{self.server} port {self.port}: {error}", exit_code=ExitCode.UNREACHABLE) from None

    def _keyring(self) -> dict[dns.name.Name, dns.tsig.Key]:
        found = _KEY.search(Path(self.key).read_text(encoding="utf-8")) if Path(self.key).is_file() else None
        if found is None:
            raise ProvinceError(
                f"{self.key}: holds no key", hint="`tsig-keygen` writes one", exit_code=ExitCode.BAD_DATA
            )
        name, algorithm, secret = found.groups()
        return dns.tsigkeyring.from_text({name: (algorithm, secret)})
