"""Bundles that are not to be believed, and sites that are away: whatever comes, nothing on the node is touched."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node_in_folder import node_side

from .pull_nodes import (
    DAY_S,
    FAR,
    HOUR_S,
    NEAR,
    NODE,
    OTHER,
    WANTED,
    Puller,
    certify_for,
    keys,
    link_code,
    pull,
)

guard = node_side("guard")


def spoilt(text: str) -> bytes:
    """One byte of what the bundle says is another."""
    content = bytearray(text.encode())
    content[content.index(b"tests")] ^= 1
    return bytes(content)


REFUSED: dict[str, tuple[Callable[[Puller, Path], bytes], str]] = {
    "another authority": (
        lambda one, work: one.text("new\n", by=keys(work / "keys", one.signer.name)).encode(), "signature does not hold"
    ),
    "another name of ours": (lambda one, work: one.text("new\n", by=named(one, work)).encode(), "signature does not"),
    "another host's": (lambda one, _: one.text("new\n", host=OTHER).encode(), f"it is for {OTHER}, and this is {NODE}"),
    "over": (lambda one, _: one.text("new\n", made=time.time() - 15 * DAY_S).encode(), "it is over since"),
    "good for ever": (
        lambda one, _: one.text("new\n", valid_until=int(time.time()) + 400 * DAY_S).encode(), "none is for more than"
    ),
    "of tomorrow": (lambda one, _: one.text("new\n", made=time.time() + HOUR_S).encode(), "it was made 3"),
    "a changed byte": (lambda one, _: spoilt(one.text("new\n")), "its signature does not hold"),
    "half of it": (lambda one, _: one.text("new\n").encode()[:5000], "no bundle can be read in it"),
    "a page": (lambda *_: b"<html>", "no bundle can be read in it"),
}  # fmt: skip


def named(one: Puller, work: Path) -> Any:
    """Somebody with a certificate of the right authority, for a name that may not sign."""
    authority = one.signer.certificate.with_name("authority")
    other = keys(work / "keys", "an-operator")
    for end in ("", ".pub"):
        shutil.copy(f"{authority}{end}", other.certificate.with_name(f"authority{end}"))
    certify_for(other.certificate.with_name("authority"), other.certificate.with_name("operator.pub"), "an-operator")
    return other


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_to_be_believed_touches_nothing(case: str, away: Puller, tmp_path: Path) -> None:
    make, words = REFUSED[case]
    away.lay(make(away, tmp_path))
    before = away.etc()
    state, why = away.pull()
    assert state == "refused"
    assert why.count(words) == 2, f"of both sites: {why}"
    assert away.etc() == before
    assert (away.said["state"], "newest" in away.said) == ("refused", False)


def test_it_never_goes_back(away: Puller) -> None:
    """A site that was taken over brings an older one, good and signed; so does one that was merely forgotten."""
    old, new = (away.text(f"{age}\n", made=time.time() - age * HOUR_S) for age in (20, 10))
    away.publish(new)
    assert away.pull()[0] == "applied"
    away.alone_for(2 * DAY_S)
    away.lay(old.encode())
    before = away.etc()
    state, why = away.pull()
    assert (state, "it never goes back" in why) == ("refused", True), why
    twin = away.text("another\n", made=json.loads(json.loads(new)["bundle"])["made"])
    away.lay(twin.encode())
    state, why = away.pull()
    assert (state, "another bundle with the number" in why) == ("refused", True), why
    assert away.etc() == before
    away.lay(old.encode(), NEAR)
    away.lay(new.encode(), FAR)
    link_code(away)
    assert away.pull()[0] == "unchanged", "one site that lies does not stand in the other's way"


def test_the_other_site_is_asked_and_both_away_is_no_fault(away: Puller) -> None:
    away.publish(away.text("new\n"))
    sites = away.copies.sites
    before = away.etc()
    for site in sites.values():
        site.stop()
    try:
        state, why = away.pull()
        assert (state, why.count("Connection refused")) == ("away", 2)
        assert "answered" not in away.said
        assert away.etc() == before
        sites[FAR].start()
        assert away.pull()[0] == "applied"
    finally:
        sites[FAR].stop()
        for site in sites.values():
            site.start()


@contextmanager
def door_that_says(away: Puller, parts: Iterable[bytes]) -> Iterator[None]:
    """One door, with the site's certificate, that answers with these parts until nobody listens, and is gone."""
    place = away.copies.sites[NEAR].place
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "ssl/host.pem", place / "credentials/host.key")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            wire, _ = listening.accept()
            with suppress(OSError), context.wrap_socket(wire, server_side=True) as one:
                one.recv(4096)
                for part in parts:
                    one.sendall(part)

        door = threading.Thread(target=answer)
        door.start()
        plan = json.loads(away.host.read(pull.PLAN))
        away.host.write(pull.PLAN, json.dumps(plan | {"doors": [f"https://localhost:{listening.getsockname()[1]}"]}))
        yield
        door.join()


def test_a_download_that_is_cut_is_none(away: Puller) -> None:
    """The door says how long the bundle is, and is gone in its middle."""
    text = away.text("new\n").encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n".encode()
    with door_that_says(away, [head, text[: len(text) // 2]]):
        before = away.etc()
        state, why = away.pull()
    assert (state, "IncompleteRead" in why) == ("away", True), why
    assert away.etc() == before


def test_an_answer_without_end_is_not_read_to_its_end(away: Puller) -> None:
    """A door that says no length could fill the node's memory."""
    block, many, sent = b" " * 1_000_000, 100, list[bytes]()

    def endless() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        for _ in range(many):
            sent.append(block)
            yield block

    with door_that_says(away, endless()):
        before = away.etc()
        state, why = away.pull()
    assert (state, "does not say so" in why) == ("refused", True), why
    assert len(sent) < many // 2, "it was read to its end"
    assert away.etc() == before


def test_a_node_that_is_enrolled_anew_waits(away: Puller) -> None:
    """Without a key there is no certificate to show: the node is not refused, and its unit does not fail."""
    plan = json.loads(away.host.read(pull.PLAN))
    away.host.write(pull.PLAN, json.dumps(plan | {"key": "/etc/ssl/province/not-there.key"}))
    state, why = away.pull()
    assert (state, "is being enrolled anew" in why) == ("away", True), why


def test_a_clock_that_goes_back_makes_nothing_good_again(away: Puller) -> None:
    away.publish(away.text("new\n"))
    away.host.write(pull.MEMORY, json.dumps({"latest": time.time() + DAY_S}))
    for _ in range(2):
        state, why = away.pull()
        assert (state, "clock is behind the last try's" in why) == ("refused", True), why
    assert away.host.read(WANTED) == ""
