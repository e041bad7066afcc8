"""The authority of services: hosts accept it and show its certificates to each other; entrances show them to users."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from province.fleet.hosts import Host
from province.manifest.enrolled import CERTIFICATES, REQUESTS
from province.manifest.manifest import Manifest
from province.manifest.rotations import Kind, Report, Rotation
from province.manifest.trust import trust_folder
from province.ops.actions.action import Scene
from province.ops.actions.drain_node import KUBECTL
from province.ops.actions.remote import ActionTrouble, must
from province.ops.authority_keys import AuthorityKeys
from province.ops.certificates import CERTIFICATES_ALONE, TLS_PAIR
from province.ops.enrol import signed_request, write_register
from province.ops.rotation.turning import Step, Turning
from province.pki import authority
from province.pki.anchors import fingerprint, fingerprints
from province.pki.certificate import issued, read, requested_key

ACCEPTED = "/etc/ssl/province/service-ca.pem"
SHOWN = "/etc/ssl/province/host.pem"
REQUEST = "/etc/ssl/province/host.key.csr"
OF_PEOPLE = "/etc/kubernetes/api-server/authentication.yaml"
"""By which authority API servers know the identity provider; they read it anew by themselves."""
SECRETS = ("get", "secrets", "--all-namespaces", f"--field-selector=type={TLS_PAIR}")
OTHER = "neither the old nor the new"


class ServiceCa(Turning):
    """Every host accepts and shows; what reads either file is restarted with it, in one transaction of its host."""

    kind: ClassVar[Kind] = Kind.SERVICE_CA

    def check_new(self, anchor: str) -> None:
        """It must be a certificate of an authority, with a key as hosts have."""
        found = x509.load_pem_x509_certificate(anchor.encode())
        constraints = found.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not constraints.ca or not isinstance(found.public_key(), ec.EllipticCurvePublicKey):
            raise ValueError("is no certificate of an authority whose key is on an elliptic curve")

    def report(self, scene: Scene, host: Host, step: Step) -> Report:
        """What it accepts, who signed its certificate, and at a control plane those of the cluster's names."""
        accepted = fingerprints(must(scene.remote, host.name, ["cat", ACCEPTED]))
        if step.row is None:
            return Report(accepted, {})
        shows = {"its certificate": issuer(step.row, must(scene.remote, host.name, ["cat", SHOWN]))}
        if host.host_class == "control-plane" and not scene.remote.run(host.name, ["test", "-e", KUBECTL[2]]).code:
            words = [*KUBECTL, *SECRETS, f"--output=go-template={CERTIFICATES_ALONE}"]
            for line in must(scene.remote, host.name, words).splitlines():
                room, name, coded = line.split(" ")
                pem = base64.b64decode(coded).decode(errors="replace")
                shows[f"the certificate {room}/{name} (`province certificates {host.site}`)"] = issuer(step.row, pem)
        return Report(accepted, shows)

    def pending(self, scene: Scene, host: Host, step: Step) -> str:
        """It must accept what is accepted and show a certificate of the one that signs."""
        found = fingerprints(must(scene.remote, host.name, ["cat", ACCEPTED]))
        if step.row is None or step.accepted is None:
            return f"accept a new authority of services beside {' '.join(sorted(found))}"
        if found != step.accepted:
            return f"accept the authorities of services {' '.join(sorted(step.accepted))}"
        signs = fingerprint(step.row.accepted(step.wanted)[0])
        if (shown := issuer(step.row, must(scene.remote, host.name, ["cat", SHOWN]))) != signs:
            return f"show a certificate of {signs} instead of one of {shown}"
        return ""

    def act(self, scene: Scene, host: Host, step: Step) -> str:
        """Have its certificate signed where it is by the other one, then bring what it accepts and shows."""
        assert step.row is not None  # noqa: S101 - the step was written down
        self._sign(scene, host, step.row.accepted(step.wanted)[0])
        whole = self.manifest(scene, host, (), anew=True)
        return self.bring(scene, host, step, readers(whole, (ACCEPTED, SHOWN, OF_PEOPLE)))

    def _sign(self, scene: Scene, host: Host, signs: str) -> None:
        """See that the register has a certificate by the authority that signs; a keeper elsewhere is asked for it."""
        folder = trust_folder(scene.fleet)
        path = folder / CERTIFICATES / f"{host.name}.pem"
        request = must(scene.remote, host.name, ["cat", REQUEST])
        there = path.read_text(encoding="utf-8") if path.is_file() else ""
        if there and issued(there, signs) and read(there).public_key == requested_key(request):
            return
        keys = AuthorityKeys.of(scene.fleet, self.kind)
        if not keys.here:
            write_register({folder / REQUESTS / f"{host.name}.csr": request})
            raise ActionTrouble("its request waits for the keeper: `province sign`, then the same step again")
        signer = authority.load(keys.folder)
        write_register({path: signed_request(scene.fleet, signer, host, request, datetime.now(UTC))})


def issuer(row: Rotation, pem: str) -> str:
    """The fingerprint of the one of both authorities that signed a certificate."""
    return next((fingerprint(one) for one in (row.old, row.new) if issued(pem, one)), OTHER)


def readers(manifest: Manifest, paths: Iterable[str]) -> tuple[str, ...]:
    """The capabilities of a host that own one of these files, or a unit that is restarted or reloaded for one."""
    wanted = set(paths)
    units = {name for name, unit in manifest.units.items() if wanted & {*unit.restart_on, *unit.reload_on}}
    return tuple(part.capability for part in manifest.parts if units & set(part.units) or wanted & set(part.files))
