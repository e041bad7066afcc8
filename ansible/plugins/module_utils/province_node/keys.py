"""Private keys that are made on the node and never leave it; only the public half beside each may be read."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, NamedTuple

from . import files, store
from .node import Node, Trouble, make_folders, replace_durably, staged

REQUESTED = f"{store.FOLDER}/requested.json"
"""Path of a key → the subject and names that its certificate request asks for, or for whom it is sealed."""


class Change(NamedTuple):
    """A key that has to be made, or whose owner or public half is not as declared. It never holds the key itself."""

    path: str
    what: str
    make: bool
    key: dict[str, Any]


def compare(node: Node, keys: dict[str, dict[str, Any]]) -> list[Change]:
    """The keys that are missing or not as declared; nothing is made."""
    requested = _requested(node) if keys else {}
    found = []
    for path, key in keys.items():
        wanted = files.Attributes(key["owner"], key["group"], key["mode"])
        there = files.attributes(node.path(path))
        if there is None:
            found.append(Change(path, f"make key {path}", True, key))
        elif there != wanted or node.path(path).is_symlink():
            found.append(Change(path, f"give key {path} to {wanted}", False, key))
        elif not node.path(key["public"]).exists() or requested.get(path, _asked(key)) != _asked(key):
            found.append(Change(path, f"write {key['public']}", False, key))
    return found


def apply(node: Node, changes: list[Change]) -> list[str]:
    """Make what has to be made; returns the paths of the files that are new or different."""
    written: list[str] = []
    for change in changes:
        node.step(change.what)
        place = node.path(change.path)
        make_folders(place.parent)
        secret = _make(node, change, place) if change.make else place.read_bytes()
        _write(node, change.path, change.key, secret, change.key["mode"])
        _write(node, change.key["public"], change.key, _public(node, change, place), "0644")
        _note(node, change)
        written += [change.path, change.key["public"]]
    return written


def remove(node: Node, path: str, public: str) -> None:
    """Remove a key that nothing wants any more, and its public half."""
    for name in (path, public):
        node.step(f"remove {name}")
        store.forget(node, name)


def _make(node: Node, change: Change, place: Path) -> bytes:
    kind = change.key["kind"]
    if kind == "wireguard":
        return node.pipe(["wg", "genkey"])
    if kind == "x509-ec":
        return node.pipe(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
    if kind == "ssh-ed25519":
        return _ssh_key(node, change, place)
    if kind == "sealed":
        return node.pipe(["openssl", "rand", "-hex", "32"])
    raise Trouble(f"{change.path}: a key of kind {kind} is not known here: use one checkout")


def _ssh_key(node: Node, change: Change, place: Path) -> bytes:
    """A key by ssh-keygen, which only writes to files: for a moment it lies beside its place, readable by root."""
    fresh = staged(place)
    for leftover in (fresh, fresh.with_name(f"{fresh.name}.pub")):
        leftover.unlink(missing_ok=True)
    try:
        node.pipe(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", change.key["subject"], "-f", str(fresh)])
        return fresh.read_bytes()
    finally:
        for leftover in (fresh, fresh.with_name(f"{fresh.name}.pub")):
            leftover.unlink(missing_ok=True)


def _public(node: Node, change: Change, place: Path) -> bytes:
    key = change.key
    if key["kind"] == "wireguard":
        return node.pipe(["wg", "pubkey"], place.read_bytes())
    if key["kind"] == "ssh-ed25519":
        return node.pipe(["ssh-keygen", "-y", "-f", str(place)])
    if key["kind"] == "sealed":
        return _sealed(node, key["recipient"], place)
    subject = ("-subj", f"/CN={key['subject']}", "-addext", f"subjectAltName={','.join(_alternatives(key))}")
    return node.pipe(["openssl", "req", "-new", "-sha256", "-key", str(place), *subject])


def _sealed(node: Node, recipient: str, place: Path) -> bytes:
    """The key as one line that only the recipient can read (RSA-OAEP with SHA-256: RFC 8017, 7.1)."""
    fresh = staged(place)
    try:
        fresh.write_text(recipient, encoding="utf-8")
        padding = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256"]
        sealed = node.pipe(
            ["openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", str(fresh), *padding], place.read_bytes().strip()
        )
    finally:
        fresh.unlink(missing_ok=True)
    return base64.b64encode(sealed) + b"\n"


def _alternatives(key: dict[str, Any]) -> list[str]:
    """Names as openssl wants them: the subject first, then each name once, addresses as such."""
    return [f"{_sort(name)}:{name}" for name in dict.fromkeys([key["subject"], *key["names"]])]


def _sort(name: str) -> str:
    import ipaddress  # noqa: PLC0415 - only a host whose key is new needs it

    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "DNS"
    return "IP"


def _write(node: Node, path: str, key: dict[str, Any], content: bytes, mode: str) -> None:
    owner, group = files.numbers(path, files.Attributes(key["owner"], key["group"], mode))
    replace_durably(node.path(path), content, int(mode, 8), owner, group)


def _asked(key: dict[str, Any]) -> list[str]:
    return [key["recipient"]] if key["kind"] == "sealed" else [key["subject"], *key["names"]]


def _requested(node: Node) -> dict[str, list[str]]:
    return store.load(node, REQUESTED)


def _note(node: Node, change: Change) -> None:
    """Remember what a request asks for or whom a key is sealed for, so that others are seen without a program."""
    if change.key["kind"] not in {"x509-ec", "sealed"}:
        return
    store.save(node, REQUESTED, {**_requested(node), change.path: _asked(change.key)})
