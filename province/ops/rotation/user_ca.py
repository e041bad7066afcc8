"""The authority of operators: hosts accept it, automation and people show its certificates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.rotations import Kind, Phase, Report
from province.ops.actions.action import Scene
from province.ops.actions.remote import ActionTrouble, must
from province.ops.authority_keys import AuthorityKeys
from province.ops.enrol import write_register
from province.ops.rotation.turning import Step, Surveyed, Turning
from province.pki import ssh_certificate
from province.pki.anchors import fingerprint, fingerprints
from province.verify.signature import signer_of

ACCEPTED = "/etc/ssh/province/operators_ca.pub"
"""sshd reads it anew for every connection: nothing has to be reloaded."""
SIGNERS = "/etc/province-pull/allowed_signers"
"""Whose bundles a node believes when no controller comes (docs/adr/0039): those of the same authority."""
CERTIFICATE = "-cert.pub"
_ENTERED = re.compile(
    r"^(?P<at>\d+(?:\.\d+)?) .*: Accepted publickey for (?P<account>\S+) from .* ID (?P<id>.*) \(serial \d+\)"
    r" CA \S+ (?P<by>SHA256:\S+)"
)
"""A line of sshd (LogLevel VERBOSE) as `journalctl --output short-unix` prints it."""


class UserCa(Turning):
    """Hosts accept; who entered by the old one since the new one signs, and not by the new one since, is behind."""

    kind: ClassVar[Kind] = Kind.USER_CA

    def report(self, scene: Scene, host: Host, step: Step) -> Report:
        """What sshd accepts, and who came in by which authority since the new one signs; times are kept in names."""
        accepted = fingerprints(must(scene.remote, host.name, ["cat", ACCEPTED]))
        since = step.row and (step.row.signs or step.row.since)
        words = ["journalctl", "--unit", "ssh.service", "--output", "short-unix", "--no-pager", "--quiet"]
        words += ["--since", f"@{int(since.timestamp()) if since else 0}", "--grep", "^Accepted publickey for "]
        done = scene.remote.run(host.name, words)
        if done.code and done.said:  # without a line it ends with 1, too
            raise ActionTrouble(f"its journal cannot be read: {done.first}")
        return Report(accepted, entered(done.printed, _accounts(scene.fleet)))

    def survey(self, scene: Scene, hosts: Sequence[Host], step: Step) -> Surveyed:
        """Of everybody only the last entry counts, wherever it was."""
        return newest_only(super().survey(scene, hosts, step))

    def pending(self, scene: Scene, host: Host, step: Step) -> str:
        """The file must hold what is accepted; asking for it shows that the certificate of this controller opens."""
        found = fingerprints(must(scene.remote, host.name, ["cat", ACCEPTED]))
        if step.accepted is None:
            return f"accept a new authority of operators beside {' '.join(sorted(found))}"
        if found != step.accepted:
            return f"accept the authorities of operators {' '.join(sorted(step.accepted))}"
        if step.wanted is Phase.NEW_SIGNS and step.now is not Phase.NEW_SIGNS:
            return "be entered by a certificate of the new authority"
        return ""

    def act(self, scene: Scene, host: Host, step: Step) -> str:
        """Tell it whom to accept; the host takes that back when nobody can enter any more."""
        return self.bring(scene, host, step, self.owners(scene, host, (ACCEPTED, SIGNERS)))

    def settle(self, scene: Scene, step: Step) -> None:
        """Have the certificate of this controller signed by the authority that signs, where its key is here."""
        assert step.row is not None  # noqa: S101 - it is settled after it was written down
        signer = signer_of(scene.fleet.root / scene.fleet.environment.id / "ssh_config")
        if signer is None:
            return
        said = ssh_certificate.read(signer.certificate.read_text(encoding="utf-8"))
        signs = fingerprint(step.row.accepted(step.wanted)[0])
        if said.signer == signs:
            return
        keys = AuthorityKeys.of(scene.fleet, self.kind)
        if keys.here:
            public = signer.certificate.with_name(f"{signer.certificate.name.removesuffix(CERTIFICATE)}.pub")
            renewed = ssh_certificate.renewed(keys.signing, public.read_text(encoding="utf-8"), said)
            write_register({signer.certificate: renewed})


def entered(journal: str, accounts: frozenset[str]) -> dict[str, str]:
    """Whose last entry was by which authority, `TIME ACCOUNT (ID)`; accounts that the model knows no more are left."""
    last: dict[str, tuple[float, str]] = {}
    for line in journal.splitlines():
        if (found := _ENTERED.match(line)) and found["account"] in accounts:
            who = f"{found['account']} ({found['id']})"
            last[who] = max(last.get(who, (0.0, "")), (float(found["at"]), found["by"]))
    return {f"{at:.6f} {who}": by for who, (at, by) in last.items()}


def newest_only(found: Surveyed) -> Surveyed:
    """The same without the entries that somebody followed by another one, at whatever host, and without times."""
    last: dict[str, float] = {}
    for report in found.values():
        for key in report.shows if isinstance(report, Report) else ():
            at, _, who = key.partition(" ")
            last[who] = max(last.get(who, 0.0), float(at))

    def kept(report: Report) -> Report:
        split = {tuple(key.split(" ", 1)): by for key, by in report.shows.items()}
        return Report(
            report.accepts,
            {f"the last entry of {who}": by for (at, who), by in split.items() if float(at) >= last[who]},
        )

    return {host: kept(one) if isinstance(one, Report) else one for host, one in found.items()}


def _accounts(fleet: Fleet) -> frozenset[str]:
    environment = fleet.environment
    return frozenset(one.name for one in (environment.automation, *environment.administrators))
