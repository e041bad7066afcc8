"""Enrol hosts: take the public halves of their keys into the register, and have their certificates signed.

Only public halves come here. Where the environment says that the authority's key lies with the controller, it signs
at once; elsewhere the requests wait in the register until the authority's keeper has signed them (`province sign`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.build import Builder
from province.manifest.enrolled import (
    CERTIFICATES,
    KEYS,
    REQUESTS,
    SSH_CERTIFICATE,
    SSH_KEY,
    SSH_REQUEST,
    keys_text,
)
from province.manifest.enrolment import registered_keys
from province.manifest.revoked import load_revoked
from province.manifest.trust import SERVICE_CA, Trust, register_of, stand_in, trust_folder
from province.pki import authority, ssh_host
from province.pki.anchors import signing
from province.pki.authority import Authority
from province.pki.certificate import fault, read, requested_key
from province.pki.subject import subject

Public = Mapping[str, str]
"""Place of a public half on its host → its text."""


@dataclass(frozen=True)
class Registration:
    """What changed in the register: hosts with new keys, with a new certificate, and with a request that waits."""

    keys: tuple[str, ...] = ()
    signed: tuple[str, ...] = ()
    requested: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything did."""
        return bool(self.keys or self.signed or self.requested)


def register(fleet: Fleet, public: Mapping[str, Public], now: datetime, *, write: bool = True) -> Registration:
    """Bring the register to what hosts (by name) have shown; what is in it and good stays as it is.

    `write=False` only finds out. Raises ProvinceError when a host shows something that is no public half, or when
    the authority cannot sign.
    """
    trust = register_of(fleet)
    folder = trust_folder(fleet)
    builder = Builder(fleet, stand_in(fleet))
    revoked = load_revoked(folder)
    keys = {name: dict(known) for name, known in trust.enrolled.keys.items()}
    texts: dict[Path, str] = {}
    changed: dict[str, list[str]] = {"keys": [], "signed": [], "requested": []}
    here = fleet.environment.certificates_from == "controller"
    signer = authority.load(authority.authority_folder(fleet)) if here and public else None
    for name, shown in public.items():
        host = fleet.hosts[name]
        declared = registered_keys(builder.keys(host))
        found = {key: _shown(shown, place, host).strip() for key, place in declared.items()}
        found |= _ssh_key(host, shown, keys.get(name, {}))
        if row := next(
            (one for one in revoked if one.host == name and set(one.keys.values()) & set(found.values())), None
        ):
            raise _refused(
                name, f"shows keys of the box that was revoked on {row.since:%Y-%m-%d} ({row.reason}); wipe it"
            )
        if found != keys.get(name, {}):
            keys[name] = found
            changed["keys"].append(name)
        request = next((text for place, text in shown.items() if place.endswith(".csr")), None)
        if request is None or _good(trust, host, request, now):
            continue
        if signer:
            texts[folder / CERTIFICATES / f"{name}.pem"] = signed_request(fleet, signer, host, request, now)
            changed["signed"].append(name)
        elif not _waits(folder / REQUESTS / f"{name}.csr", request):
            texts[folder / REQUESTS / f"{name}.csr"] = request
            changed["requested"].append(name)
    if changed["keys"]:
        texts[folder / KEYS] = keys_text({name: known for name, known in keys.items() if known})
    if write:
        write_register(texts)
    return Registration(**{kind: tuple(sorted(names)) for kind, names in changed.items()})


def sign_requests(fleet: Fleet, keeper: Path, now: datetime) -> Registration:
    """Sign every request that waits in the register with the authority that lies in the folder `keeper`.

    Raises ProvinceError when hosts are not told to trust it, or when a request is not what it should be.
    """
    folder = trust_folder(fleet)
    signer = authority.load(keeper)
    waiting = sorted((folder / REQUESTS).glob("*.csr"))
    boxes = sorted((folder / REQUESTS).glob(f"*{SSH_REQUEST}"))
    texts: dict[Path, str] = {}
    for path in (*waiting, *boxes):
        if path.stem not in fleet.hosts:
            raise _refused(path.stem, "is no host of this environment; remove its request")
        request, host = path.read_text(encoding="utf-8"), fleet.hosts[path.stem]
        if path in boxes:
            texts[folder / CERTIFICATES / f"{host.name}{SSH_CERTIFICATE}"] = ssh_host.sign(
                keeper, request, subject(host)
            )
        else:
            texts[folder / CERTIFICATES / f"{host.name}.pem"] = signed_request(fleet, signer, host, request, now)
    write_register(texts)
    for path in (*waiting, *boxes):
        path.unlink()
    return Registration(signed=tuple(dict.fromkeys(path.stem for path in (*waiting, *boxes))))


def _ssh_key(host: Host, shown: Public, known: Public) -> dict[str, str]:
    """The SSH key that a claim brought; an enrolment over SSH, which brings none, leaves the one that is known."""
    text = next((text for place, text in shown.items() if place.endswith(f"/{SSH_KEY}.pub")), None)
    if text is None:
        return {name: key for name, key in known.items() if name == SSH_KEY}
    try:
        return {SSH_KEY: ssh_host.public_key(text)}
    except ValueError as error:
        raise _refused(host.name, f"what it shows for its SSH key {error}") from None


def _good(trust: Trust, host: Host, request: str, now: datetime) -> bool:
    """Whether the host's certificate serves on: nothing wrong with it, and for the key that the host has."""
    current = trust.enrolled.certificates.get(host.name)
    if current is None or fault(current, subject(host), signing(trust.service_ca), now):
        return False
    return read(current).public_key == _requested(host, request)


def _requested(host: Host, request: str) -> bytes:
    try:
        return requested_key(request)
    except ValueError as error:
        raise _refused(host.name, f"its certificate request cannot be used: {error}") from None


def signed_request(fleet: Fleet, signer: Authority, host: Host, request: str, now: datetime) -> str:
    """A certificate for a host's request; ProvinceError for a revoked key or an authority that does not sign."""
    trust = register_of(fleet)
    key = _requested(host, request).hex()
    if row := next((one for one in load_revoked(trust_folder(fleet)) if one.certificate == key), None):
        raise _refused(host.name, f"asks with the key of a box that was revoked on {row.since:%Y-%m-%d} ({row.reason})")
    certificate = signer.sign(request, subject(host), now)
    if problem := fault(certificate, subject(host), signing(trust.service_ca), now):
        raise _refused(host.name, f"what this authority would sign {problem}; is it the one of {SERVICE_CA}?")
    return certificate


def _waits(path: Path, request: str) -> bool:
    """Whether a request with the same key waits already; requests differ each time in their signature."""
    try:
        return requested_key(path.read_text(encoding="utf-8")) == requested_key(request)
    except FileNotFoundError:
        return False


def _shown(shown: Public, place: str, host: Host) -> str:
    if place not in shown:
        raise _refused(host.name, f"has no {place}; apply the capability that declares the key")
    return shown[place]


def _refused(host: str, problem: str) -> ProvinceError:
    return ProvinceError(
        f"{host}: {problem}",
        hint=f"ansible-playbook ansible/playbooks/enrol.yml -e enrol_hosts={host}",
        exit_code=ExitCode.FAILED,
    )


def write_register(texts: Mapping[Path, str]) -> None:
    """Write each file in one step, so that a reader never sees half of it, and a power cut leaves the old or the new.

    Files are written in their order: one that is there says that those before it are.
    """
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
