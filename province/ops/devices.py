"""Certificates of sensors: for a device that is declared, by the authority that nodes know, for a key that it made."""

from __future__ import annotations

from datetime import datetime

from province.errors import ExitCode, ProvinceError
from province.fleet.findings import nearest
from province.fleet.fleet import Fleet
from province.fleet.sensors import Device
from province.manifest.trust import devices_authority
from province.pki.authority import Authority
from province.pki.certificate import fault
from province.pki.subject import Subject

REGISTER = "registers/devices.yml"


def declared(fleet: Fleet, name: str) -> Device:
    """A device of the register; ProvinceError for one that is not declared."""
    found = fleet.registers.devices.get(name)
    if found is None:
        guess = nearest(name, [one.id for one in fleet.registers.devices.rows])
        raise ProvinceError(
            f"no device {name!r} in {REGISTER}",
            hint=f'did you mean "{guess}"?' if guess else "add a row for it: without one it has no right at any node",
            exit_code=ExitCode.USAGE,
        )
    return found


def issue(fleet: Fleet, name: str, request: str, signer: Authority, now: datetime) -> str:
    """A certificate (PEM) for the key of a request (PEM) and the name of a declared device.

    Nothing of the request is taken over but its key. Raises ProvinceError for a device that is not declared, for a
    request that its key has not signed, and for an authority that nodes are not told to trust.
    """
    subject = Subject((declared(fleet, name).id,))
    try:
        certificate = signer.sign(request, subject, now)
    except ValueError as error:
        raise ProvinceError(
            f"{name}: not a request that could be signed: {error}",
            hint="make one on the device: openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256",
            exit_code=ExitCode.BAD_DATA,
        ) from None
    if problem := fault(certificate, subject, devices_authority(fleet), now):
        raise ProvinceError(
            f"{name}: what this authority signs {problem}, as nodes see it",
            hint="name the folder of the authority whose certificate is in the environment's trust/devices-ca.pem",
            exit_code=ExitCode.BAD_DATA,
        )
    return certificate
