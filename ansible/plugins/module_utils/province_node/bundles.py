"""Signed bundles: fetched from a site's door, and believed only when everything about them is as it has to be.

A bundle is `{"bundle": TEXT, "signature": SSHSIG}`. TEXT is JSON: for which host, its number, when it was made and
until when it is good, at which times it may be applied, and the controller's request, packed as it always is. The
number is the time at which it was made, in seconds since 1970: no two controllers have to agree on one.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Sequence
from http.client import HTTPException, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .bootstrap import digest_of
from .node import Node, Trouble, replace_durably

FORMAT = 1
NAMESPACE = "province-pull"
"""What the signature is for (ssh-keygen(1), -n)."""
WHERE = "/bundle"
"""The door knows the node by its certificate, so every node asks for the same."""
ANSWER_S = 20
LARGEST = 8_000_000
"""Bytes of a bundle that are read at all; a real one has some 150,000."""
CLOCK_S = 300
"""How far this host's clock may be from the one by which a bundle was made."""
SIGNERS = "/etc/province-pull/allowed_signers"
SIGNATURE = "/run/province-pull.sig"


class Away(Exception):
    """No door gave an answer, or none that is whole; that is no fault of this host."""


class Refused(Exception):
    """A bundle that is not believed; somebody has to look at it."""


class Answer(NamedTuple):
    """What a door gave: the bundle, empty when it has none, and the two ends of the connection by which it came.

    `tag` names this content at this door; `same`: it still is what was known by its tag, and was not sent again.
    """

    content: bytes
    ends: str
    tag: str
    same: bool


class Bundle(NamedTuple):
    """A bundle that is believed. `made` is its number, too; `times` are spans in which it may be applied."""

    made: int
    valid_until: int
    times: Sequence[Sequence[int]]
    digest: str
    sum: str
    request: dict[str, Any]


def fetch(node: Node, plan: dict[str, Any], door: str, known: str = "") -> Answer:
    """Ask a door over a new connection; what is known by its tag is not sent again (RFC 9110, If-None-Match).

    Away without an answer, Refused where the door lets this node not in.
    """
    context = ssl.create_default_context(cafile=str(node.path(plan["authority"])))
    try:
        context.load_cert_chain(node.path(plan["certificate"]), node.path(plan["key"]))
    except OSError as error:
        raise Away(f"this host is being enrolled anew, it has no certificate of its key: {error}") from None
    there = urlsplit(door)
    wire = HTTPSConnection(str(there.hostname), there.port, timeout=ANSWER_S, context=context)
    try:
        wire.connect()
        ends = " ".join(f"{end[0]}:{end[1]}" for end in (wire.sock.getsockname(), wire.sock.getpeername()))
        wire.request("GET", WHERE, headers={"If-None-Match": known} if known else {})
        told = wire.getresponse()
        length = told.getheader("Content-Length")
        if int(length or 0) > LARGEST:
            raise Refused(f"{door}: the answer is larger than {LARGEST} bytes")
        # With a length, an answer that ends early is an error only if all of it is asked for (http.client).
        content = told.read() if length else told.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise Refused(f"{door}: the answer is larger than {LARGEST} bytes and does not say so")
    except ssl.SSLCertVerificationError as error:
        raise Refused(f"{door}: {error}") from None
    except (OSError, HTTPException) as error:
        raise Away(f"{door}: {error or type(error).__name__}") from None
    finally:
        wire.close()
    if told.status not in (200, 304, 404):
        raise Refused(f"{door}: the door lets this node not in ({told.status})")
    tag = told.getheader("ETag") or ""
    return Answer(content if told.status == 200 else b"", ends, tag, told.status == 304)


def opened(node: Node, plan: dict[str, Any], content: bytes, now: float) -> Bundle:
    """What a bundle says, if the right one signed it for this host and it is not over; Refused says why not."""
    try:
        sealed = json.loads(content)
        text, signature = str(sealed["bundle"]), str(sealed["signature"])
        said = json.loads(text)
        form, host, made, until = said["format"], said["host"], int(said["made"]), int(said["valid_until"])
        # Of a time that no clock can show there is no certificate either.
        time.gmtime(made)
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        raise Refused("it is damaged: no bundle can be read in it") from None
    _check_signature(node, plan, text, signature, made)
    if form != FORMAT:
        raise Refused(f"it has format {form}, and this node reads {FORMAT}")
    if host != plan["host"]:
        raise Refused(f"it is for {host}, and this is {plan['host']}")
    if made > now + CLOCK_S:
        raise Refused(f"it was made {made - now:.0f} s from now: its clock or this host's is wrong")
    if until - made > plan["valid_s"]:
        raise Refused(f"it says to be good for {until - made} s, and none is for more than {plan['valid_s']}")
    if now >= until:
        raise Refused(f"it is over since {now - until:.0f} s")
    return Bundle(made, until, said["times"], said["digest"], digest_of(content), said["request"])


def not_older(bundle: Bundle, memory: dict[str, Any]) -> Bundle:
    """Refuse what is older than a bundle that was believed before, or another one of the same number."""
    newest = memory.get("newest", 0)
    if bundle.made < newest:
        raise Refused(f"it is number {bundle.made}, and this node has seen {newest}: it never goes back")
    if bundle.made == newest and bundle.sum != memory.get("sum"):
        raise Refused(f"this node has seen another bundle with the number {newest}")
    return bundle


def _check_signature(node: Node, plan: dict[str, Any], text: str, signature: str, made: int) -> None:
    """OpenSSH judges: the one declared name, by the authority of operators, when the bundle says it was made."""
    place = node.path(SIGNATURE)
    replace_durably(place, signature.encode(), 0o600)
    # The certificates of those who sign live for days. Backdating one gains nothing beyond `valid_s` after its end.
    when = ("-O", f"verify-time={time.strftime('%Y%m%d%H%M%SZ', time.gmtime(made))}")
    words = ["ssh-keygen", "-Y", "verify", "-f", str(node.path(SIGNERS)), "-I", plan["signer"], "-n", NAMESPACE]
    try:
        node.pipe([*words, *when, "-s", str(place)], text.encode())
    except Trouble as trouble:
        raise Refused(f"its signature does not hold: {str(trouble).splitlines()[-1]}") from None
    finally:
        place.unlink(missing_ok=True)
