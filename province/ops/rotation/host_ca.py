"""The authority of hosts: hosts show its certificates over SSH, who connects to them accepts it."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.enrolled import CERTIFICATES, REQUESTS, SSH_CERTIFICATE, SSH_REQUEST
from province.manifest.rotations import Kind, Report
from province.manifest.ssh_client import HOST_CERTIFICATES, authority_line
from province.manifest.trust import trust_folder
from province.ops.actions.action import Scene
from province.ops.actions.remote import ActionTrouble, must
from province.ops.authority_keys import AuthorityKeys
from province.ops.enrol import write_register
from province.ops.rotation.turning import Step, Turning
from province.pki import ssh_certificate, ssh_host
from province.pki.anchors import fingerprint, joined
from province.pki.subject import subject

KEY = "/etc/ssh/province/ssh_host_ed25519_key"
SHOWN = (
    'ssh-keyscan -c -t ed25519 -p "$(sshd -T | sed -n "s/^port //p" | head -n 1)" 127.0.0.1 2>/dev/null | '
    f"grep -o '{HOST_CERTIFICATES} [A-Za-z0-9+/=]*'"
)
"""What the running daemon shows, which is what it read at its start and not what lies there by now."""
INSTALL = f'umask 022; echo "$1" | base64 -d >{KEY}-cert.pub.new && mv -f {KEY}-cert.pub.new {KEY}-cert.pub && sshd -t'
AUTHORITY = "@cert-authority"


class HostCa(Turning):
    """Hosts show; this controller accepts, and people do whose known hosts `province export ssh` writes."""

    kind: ClassVar[Kind] = Kind.HOST_CA

    def report(self, scene: Scene, host: Host, step: Step) -> Report:  # noqa: ARG002 - others need the step
        """By which authority its daemon shows a certificate; what is accepted is accepted here."""
        return Report(_accepted(scene.fleet), {"the certificate that it shows": self._shown(scene, host)})

    def pending(self, scene: Scene, host: Host, step: Step) -> str:
        """It must show a certificate of the authority that signs."""
        if step.row is None:
            self._shown(scene, host)
            return "be known by a new authority of hosts, too"
        signs = fingerprint(step.row.accepted(step.wanted)[0])
        if (shown := self._shown(scene, host)) != signs:
            return f"show a certificate of {signs} instead of one of {shown}"
        return "" if step.now is step.wanted else f"be known by {len(step.row.accepted(step.wanted))} authorities"

    def act(self, scene: Scene, host: Host, step: Step) -> str:
        """Give it a certificate, and have its daemon read it; who is connected stays so."""
        assert step.row is not None  # noqa: S101 - the step was written down
        signs = fingerprint(step.row.accepted(step.wanted)[0])
        public = must(scene.remote, host.name, ["cat", f"{KEY}.pub"])
        certificate = _certificate(scene.fleet, host, public, signs)
        packed = base64.b64encode(certificate.encode()).decode()
        must(scene.remote, host.name, ["/bin/sh", "-ec", INSTALL, "sh", packed])
        must(scene.remote, host.name, ["systemctl", "reload", "ssh.service"])
        return f"shows a certificate of {signs}"

    def settle(self, scene: Scene, step: Step) -> None:
        """Have the known hosts of this controller name what is accepted."""
        assert step.row is not None  # noqa: S101 - it is settled after it was written down
        both = joined((step.row.old, step.row.new))
        found = [path for path in _known_hosts(scene.fleet) if path.is_file()]
        texts = {path: path.read_text(encoding="utf-8") for path in found}
        told = {
            path: known(text, both, joined(step.row.accepted(step.wanted)))
            for path, text in texts.items()
            if AUTHORITY in text
        }
        if not told:
            raise ProvinceError(
                f"no file of known hosts names {self.kind}: {' '.join(map(str, _known_hosts(scene.fleet)))}",
                hint="this controller knows hosts by something else; `province export ssh` writes known hosts",
                exit_code=ExitCode.BAD_DATA,
            )
        write_register({path: text for path, text in told.items() if text != texts[path]})

    def _shown(self, scene: Scene, host: Host) -> str:
        """The fingerprint of the authority."""
        done = scene.remote.run(host.name, ["/bin/sh", "-c", SHOWN])
        try:
            return ssh_certificate.read(done.printed).signer
        except ValueError as error:
            raise ActionTrouble(f"what its daemon shows {error} ({done.first})") from None


def known(text: str, ours: str, accepted: str) -> str:
    """A file of known hosts in which each pattern that one of our authorities stood for has those that are accepted."""
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        pattern = line.split()[1] if line.startswith(f"{AUTHORITY} ") else ""
        mine = pattern and line in authority_line(pattern, ours).splitlines(keepends=True)
        new = authority_line(pattern, accepted).splitlines(keepends=True) if mine else [line]
        lines += [one for one in new if one not in lines or not mine]
    return "".join(lines)


def _certificate(fleet: Fleet, host: Host, public: str, signs: str) -> str:
    """The host's certificate by the authority that signs: out of the register, or signed now, or asked for."""
    folder = trust_folder(fleet)
    path = folder / CERTIFICATES / f"{host.name}{SSH_CERTIFICATE}"
    there = path.read_text(encoding="utf-8") if path.is_file() else ""
    if there and ssh_host.is_for(there, public) and ssh_certificate.read(there).signer == signs:
        return there
    keys = AuthorityKeys.of(fleet, Kind.HOST_CA)
    if not keys.here:
        write_register({folder / REQUESTS / f"{host.name}{SSH_REQUEST}": f"{ssh_host.public_key(public)}\n"})
        raise ActionTrouble("its key waits in the register for the keeper: `province sign`, then the same step again")
    certificate = ssh_host.sign(keys.folder, public, subject(host))
    if ssh_certificate.read(certificate).signer != signs:
        raise ActionTrouble(f"{keys.signing} is not the authority {signs} that signs by now")
    if there:
        write_register({path: certificate})
    return certificate


def _accepted(fleet: Fleet) -> frozenset[str]:
    """The authorities by which this controller knows hosts."""
    texts = [path.read_text(encoding="utf-8") for path in _known_hosts(fleet) if path.is_file()]
    lines = [line.split() for text in texts for line in text.splitlines() if line.startswith(f"{AUTHORITY} ")]
    return frozenset(fingerprint(" ".join(words[2:])) for words in lines)


def _known_hosts(fleet: Fleet) -> Sequence[Path]:
    """Where the client of this controller looks for known hosts (ssh -G)."""
    config = fleet.root / fleet.environment.id / "ssh_config"
    words = ["ssh", "-F", str(config), "-G", next(iter(fleet.hosts))]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    (line,) = (line for line in told.splitlines() if line.startswith("userknownhostsfile "))
    return [Path(word.strip('"')).expanduser() for word in line.split()[1:]]
