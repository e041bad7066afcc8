"""What hosts are told to trust: authorities, the key of the mirror, pinned images, and the public keys of each other.

All of it is public. An environment keeps it in `inventories/<environment>/trust/`: `ssh-user-ca.pub`, `mirror.asc`,
`service-ca.pem`, `devices-ca.pem`, `copies-seal.pub`, where needed `ssh-host-ca.pub`, `images.yml` and `dns-anchors`,
and the registers of enrolled hosts (`enrolled.py`) and of rotations (`rotations.py`). While an authority follows
another its file holds both: both are accepted, and the first one signs (`province.pki.anchors`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter, ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.documents import read_yaml
from province.fleet.fact import Fact, Slug
from province.fleet.findings import BadData, Finding
from province.fleet.fleet import Fleet
from province.manifest.enrolled import NOBODY, Enrolled, load_enrolled, stand_in_enrolled

USER_CA = "ssh-user-ca.pub"
HOST_CA = "ssh-host-ca.pub"
MIRROR_KEY = "mirror.asc"
SERVICE_CA = "service-ca.pem"
DEVICES_CA = "devices-ca.pem"
COPIES_SEAL = "copies-seal.pub"
DNS_ANCHORS = "dns-anchors"
IMAGES = "images.yml"
TRUST_VARIABLE = "PROVINCE_TRUST"
"""Environment variable: the folder of inventories whose trust anchors are used."""


class ImagePin(Fact):
    """A container image that the mirror serves as `images/<name>.tar`.

    `reference` is the full name that manifests use, with the digest of the image's manifest; `sha256` is the checksum
    of the archive.
    """

    name: Slug
    reference: Annotated[
        str, StringConstraints(pattern=r"^[a-z0-9./-]+/[a-z0-9-]+:[A-Za-z0-9._-]+@sha256:[0-9a-f]{64}$")
    ]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

    @property
    def tagged(self) -> str:
        """The name without the digest, as kubeadm writes it: `province.internal/etcd:3.6`."""
        return self.reference.partition("@")[0]

    @property
    def digest(self) -> str:
        """The digest of the image's manifest: `sha256:…`."""
        return self.reference.partition("@")[2]

    @property
    def by_digest(self) -> str:
        """The name that runtimes keep of a pull by digest: `province.internal/etcd@sha256:…`."""
        return f"{self.tagged.rpartition(':')[0]}@{self.digest}"

    @property
    def repository(self) -> str:
        """The part before the last name: `province.internal` of `province.internal/etcd:3.6`."""
        return self.tagged.rpartition("/")[0]

    @property
    def tag(self) -> str:
        """The part after the colon."""
        return self.tagged.rpartition(":")[2]


@dataclass(frozen=True)
class Trust:
    """The public trust anchors of an environment."""

    ssh_user_ca: str
    """Public keys that sign operators, one a line."""
    mirror_key: str
    service_ca: str
    """Certificates (PEM) of the authority that vouches for hosts' services; two while one replaces the other."""
    copies_seal: str = ""
    """The public key (PEM, RSA) for which nodes seal the passwords of their copies."""
    images: tuple[ImagePin, ...] = ()
    enrolled: Enrolled = NOBODY
    devices_ca: str = ""
    """Certificates (PEM) of the authority that vouches for sensors and for nothing else."""
    dns_anchors: tuple[str, ...] = ()
    """DS or DNSKEY records of signed zones beside the root, whose key comes with a package."""


_PINS = TypeAdapter(tuple[ImagePin, ...])


def trust_folder(fleet: Fleet) -> Path:
    """Where the environment keeps its trust anchors: its own folder, or that of the inventories PROVINCE_TRUST names.

    Another revision of this repository, checked out beside it, has no anchors of its own that Git would know.
    """
    root = Path(os.environ.get(TRUST_VARIABLE) or fleet.root)
    return root / fleet.environment.id / "trust"


def load_trust(fleet: Fleet) -> Trust:
    """The environment's trust anchors.

    Raises ProvinceError for an anchor that is missing, BadData for a list of images or a register that is wrong.
    """
    folder = trust_folder(fleet)
    return Trust(
        ssh_user_ca=_anchor(folder / USER_CA),
        mirror_key=_anchor(folder / MIRROR_KEY),
        service_ca=_anchor(folder / SERVICE_CA),
        copies_seal=_anchor(folder / COPIES_SEAL),
        images=load_images(fleet),
        enrolled=load_enrolled(folder),
        devices_ca=devices_authority(fleet),
        dns_anchors=_records(folder / DNS_ANCHORS),
    )


def register_of(fleet: Fleet) -> Trust:
    """The register of enrolled hosts and the authority they are judged by; both empty before the first enrolment."""
    folder = trust_folder(fleet)
    authority = folder / SERVICE_CA
    text = _anchor(authority) if authority.is_file() else ""
    return Trust(ssh_user_ca="", mirror_key="", service_ca=text, enrolled=load_enrolled(folder))


def host_authority(fleet: Fleet) -> str | None:
    """The public keys that sign the SSH keys of hosts, one a line; None where the environment does not say it.

    No host reads it: it is for those who connect to hosts.
    """
    path = trust_folder(fleet) / HOST_CA
    return _anchor(path) if path.is_file() else None


def devices_authority(fleet: Fleet) -> str:
    """The certificates (PEM) of the authority of devices that nodes are told to trust."""
    return _anchor(trust_folder(fleet) / DEVICES_CA)


def load_images(fleet: Fleet) -> tuple[ImagePin, ...]:
    """The images that the environment pins; none when it has no list. Raises BadData for a list that is wrong."""
    path = trust_folder(fleet) / IMAGES
    shown = "/".join(path.parts[-4:])
    return _images(path, shown) if path.is_file() else ()


def stand_in(fleet: Fleet) -> Trust:
    """Anchors that no key belongs to, for looking at manifests of an environment that has none yet."""
    cluster = next((site.cluster for site in fleet.sites.values() if site.cluster), None)
    version = f"v{cluster.kubernetes}" if cluster else "v0"
    names = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "etcd", "coredns", "pause")
    return Trust(
        ssh_user_ca="ssh-ed25519 stand-in-for-the-authority-of-operators",
        mirror_key="stand-in for the key of the mirror",
        service_ca="stand-in for the authority of services",
        devices_ca="stand-in for the authority of devices",
        copies_seal="stand-in for the seal of copies",
        images=tuple(
            ImagePin(name=name, reference=f"stand-in.invalid/{name}:{version}@sha256:{'0' * 64}", sha256="0" * 64)
            for name in names
        ),
        enrolled=stand_in_enrolled(host.name for host in (*fleet.nodes, *fleet.hosts.values())),
    )


def _anchor(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise ProvinceError(
            f"{path}: the environment has no such trust anchor",
            hint="the lab makes its own (province lab up); production puts the public key there",
            exit_code=ExitCode.BAD_DATA,
        ) from None


def _records(path: Path) -> tuple[str, ...]:
    """The lines of a zone-file fragment, without comments; none where there is no such file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else ()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith(";"))


def _images(path: Path, shown: str) -> tuple[ImagePin, ...]:
    try:
        return _PINS.validate_python(read_yaml(path, shown))
    except ValidationError as error:
        raise BadData(
            Finding(shown, ".".join(map(str, item["loc"])), str(item["input"])[:60], item["msg"], "correct this value")
            for item in error.errors(include_url=False)
        ) from None
