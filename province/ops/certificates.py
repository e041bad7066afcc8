"""Keys and certificates of the names that users know, as secrets in the rooms of their systems.

A key is made here, goes to the API server over the connection that `kubectl` keeps, and is written to no file and no
stack. What is there and good stays as it is, so a run when nothing is due changes nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from province.fleet.exposed import ExposedName, exposed_at
from province.fleet.fleet import Fleet
from province.fleet.site import Provided, Site
from province.manifest.trust import register_of
from province.ops.site_cluster import kubectl
from province.ops.workplace import Workplace
from province.pki.anchors import signing
from province.pki.authority import Authority
from province.pki.certificate import fault
from province.pki.subject import Subject

TLS_PAIR = "kubernetes.io/tls"
MANAGER = "province-certificates"
"""Under which name the API server knows who owns the fields of these secrets."""

MISSING = "has none"
CERTIFICATES_ALONE = (
    '{{range .items}}{{.metadata.namespace}} {{.metadata.name}} {{index .data "tls.crt"}}{{"\\n"}}{{end}}'
)
"""What is asked of the API server's answer: the keys, which `kubectl` reads beside them, do not come here."""


@dataclass(frozen=True)
class Due:
    """A name that needs a new key and certificate, and why."""

    name: ExposedName
    why: str


def due(
    work: Workplace, fleet: Fleet, site: Site, now: datetime, renew: Sequence[str] = ()
) -> tuple[list[ExposedName], list[Due]]:
    """The names of a site, and those of them whose certificate is missing, wrong, or ends soon.

    `renew` are hosts that are due whatever their certificate says. Raises ProvinceError when the cluster does not
    answer.
    """
    if site.cluster is None or not site.cluster.offers(Provided.INGRESS):
        return [], []
    names = sorted(exposed_at(fleet, site))
    there = _certificates(work, site)
    authority = signing(register_of(fleet).service_ca)
    found = []
    for one in names:
        why = "is asked for anew" if one.host in renew else judge(one, there, authority, now)
        if why:
            found.append(Due(one, why))
    return names, found


def judge(one: ExposedName, there: Mapping[tuple[str, str], str], authority: str, now: datetime) -> str:
    """Why a name needs a new certificate; empty if the one that is there, by room and secret, serves on."""
    pem = there.get((one.system, one.secret))
    return fault(pem, Subject((one.host,)), authority, now) if pem else MISSING


def issue(work: Workplace, site: Site, names: Iterable[ExposedName], signer: Authority, now: datetime) -> None:
    """Make a key and a certificate for each name and put both into its secret, all in one call."""
    secrets = [secret(one, signer, now) for one in names]
    if secrets:
        listed = {"apiVersion": "v1", "kind": "List", "items": secrets}
        words = ["apply", "--server-side", "--force-conflicts", f"--field-manager={MANAGER}", "--filename=-"]
        _kubectl(work, site, words, json.dumps(listed))


def secret(one: ExposedName, signer: Authority, now: datetime) -> dict[str, Any]:
    """The secret of one name, with a new key (EC P-256) and what the authority says of it."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    certificate = signer.sign(request.public_bytes(Encoding.PEM).decode(), Subject((one.host,)), now)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": TLS_PAIR,
        "metadata": {
            "name": one.secret,
            "namespace": one.system,
            "labels": {"app.kubernetes.io/managed-by": MANAGER, "app.kubernetes.io/component": one.component},
        },
        "data": {"tls.crt": _coded(certificate.encode()), "tls.key": _coded(private)},
    }


def _certificates(work: Workplace, site: Site) -> dict[tuple[str, str], str]:
    """The certificate (PEM) in every secret of that type, by room and name."""
    words = ["get", "secrets", "--all-namespaces", f"--field-selector=type={TLS_PAIR}"]
    answer = _kubectl(work, site, [*words, f"--output=go-template={CERTIFICATES_ALONE}"])
    found = {}
    for line in answer.splitlines():
        room, name, coded = line.split(" ")
        found[room, name] = base64.b64decode(coded).decode(errors="replace")
    return found


def _kubectl(work: Workplace, site: Site, words: Sequence[str], stdin: str = "") -> str:
    """Run a verb on the site's cluster; what it is given and says is kept nowhere."""
    lost = f"the certificates of {site.id} were not kept"
    hint = f"when the cluster answers: province certificates {site.id} -e {work.environment}"
    return kubectl(work, site, words, stdin=stdin, lost=lost, hint=hint)


def _coded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
