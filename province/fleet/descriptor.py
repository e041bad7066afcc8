"""The handover from Ansible to Pulumi: one small public file for each cluster, which says which cluster it is.

Ansible writes `inventories/<environment>/descriptors/<site>.yml` when a control plane has come up; Pulumi refuses
to run when that file disagrees with the model or with the cluster that answers. It holds no secret.
"""

from __future__ import annotations

import hashlib
import ssl
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, StringConstraints, ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.documents import read_yaml
from province.fleet.fact import Fact, NonBlank, Slug
from province.fleet.findings import BadData, Finding, from_validation

SHOWN_PARTS = 4


def _https_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or not parts.port or parts.path:
        raise ValueError("must be https://<address>:<port>")
    ip_address(parts.hostname)
    return value


EndpointUrl = Annotated[str, AfterValidator(_https_address)]
"""Where an API server answers, by address: `https://198.51.100.7:6443`, IPv6 in brackets."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Uid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Release = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]


class ClusterVersions(Fact):
    """What runs in the cluster: Kubernetes without the leading `v`, containerd as its package says."""

    kubernetes: Release
    containerd: NonBlank


class ClusterDescriptor(Fact):
    """One cluster, named by what cannot be mistaken.

    `ca_sha256` is the SHA-256 of the cluster's CA certificate in DER form (`certificate_sha256`).
    `kube_system_uid` is the uid of the namespace kube-system: it is made with the cluster and never changes,
    so it stands for the cluster when addresses and certificates do.
    """

    site: Slug
    endpoint: EndpointUrl
    ca_sha256: Sha256
    kube_system_uid: Uid
    versions: ClusterVersions

    @property
    def address(self) -> IPv4Address | IPv6Address:
        """The address at which the API server answers."""
        return ip_address(urlsplit(self.endpoint).hostname or "")

    @property
    def port(self) -> int:
        """The port at which the API server answers."""
        return urlsplit(self.endpoint).port or 0


def descriptor_path(inventories: Path, environment: str, site: str) -> Path:
    """Where the descriptor of a site's cluster stands."""
    return inventories / environment / "descriptors" / f"{site}.yml"


def shown(path: Path) -> str:
    """How messages name a descriptor: from the inventories' folder on."""
    return "/".join(path.parts[-SHOWN_PARTS:])


def read_descriptor(path: Path) -> ClusterDescriptor:
    """The descriptor in a file.

    Raises ProvinceError when the cluster has not been described yet, BadData when the file is wrong.
    """
    name = shown(path)
    if not path.is_file():
        raise ProvinceError(
            f"{name}: the cluster has no descriptor",
            hint="the playbook `cluster` writes it when the cluster is up; in the lab: province lab up",
            exit_code=ExitCode.BAD_DATA,
        )
    body = read_yaml(path, name)
    if not isinstance(body, dict):
        raise BadData([Finding(name, "", "", "must be keys and values", "let the playbook write it again")])
    try:
        return ClusterDescriptor.model_validate(body)
    except ValidationError as error:
        raise BadData(from_validation(name, ClusterDescriptor, error)) from None


def certificate_sha256(pem: str) -> str:
    """The SHA-256 of a certificate in DER form, in lower-case hexadecimal digits.

    The same as `openssl x509 -outform der | sha256sum`; blank lines or line breaks of the PEM form do not matter.
    Raises ValueError when `pem` is not a certificate in PEM form.
    """
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.strip())).hexdigest()
