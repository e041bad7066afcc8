"""The first contact: the controller fetches a box's claim and brings the answer, over SSH that is sure from its start.

Until its key has a certificate a box shows the token as its host key, and so the register of tokens says whom to
believe. Who has the claim's certificate already is believed for that, as always.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.seeds import Seed, load_seeds
from province.manifest.ssh_client import HOST_CERTIFICATES, authority_line
from province.manifest.trust import host_authority, trust_folder
from province.ops.node_ssh import LIVELINESS, SSH_FAILED
from province.ops.workplace import Workplace
from province.seed.claim import Accepted, accept, answer_text
from province.seed.contents import BUNDLE

CLAIM = "/var/lib/province-seed/claim.json"
ENDED = "/var/lib/province/first-boot.json"
ASK = f"cat {CLAIM} 2>/dev/null || cat {ENDED}"
FINISH = f"if test -d {BUNDLE}; then exec /usr/bin/python3 -I {BUNDLE}/node finish; fi"
SECONDS = 120


@dataclass(frozen=True)
class Contact:
    """A way to a box as root; `options` of ssh say whom it believes."""

    fleet: Fleet
    host: str
    options: tuple[str, ...]

    def run(self, command: str, given: str = "") -> str:
        """What a command prints. ConnectionError without a way, ProvinceError when the command fails."""
        config = self.fleet.root / self.fleet.environment.id / "ssh_config"
        believed = ("BatchMode=yes", "ControlPath=none", *LIVELINESS, *self.options)
        options = [word for option in believed for word in ("-o", option)]
        words = ["ssh", "-F", str(config), *options, self.host, f"sudo -n /bin/sh -c {shlex.quote(command)}"]
        done = subprocess.run(
            Workplace.of(self.fleet).words(words),
            input=given,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        said = done.stderr.strip()
        if done.returncode == SSH_FAILED:
            raise ConnectionError(said.splitlines()[-1] if said else "ssh gave no reason")
        if done.returncode:
            raise ProvinceError(f"{self.host}: {said or f'exit code {done.returncode}'}")
        return done.stdout


@contextmanager
def contact_with(fleet: Fleet, node: Host, tokens: tuple[str, ...]) -> Iterator[Contact]:
    """A way to a box that shows one of these tokens, or a certificate of the environment's authority of hosts."""
    authority = host_authority(fleet)
    with TemporaryDirectory() as work:
        known = Path(work, "known_hosts")
        lines = [authority_line("*", authority)] if authority else []
        known.write_text("".join([*lines, *(f"{node.name} {token}\n" for token in tokens)]), encoding="utf-8")
        yield Contact(
            fleet,
            node.name,
            (
                f"UserKnownHostsFile={known}",
                "GlobalKnownHostsFile=none",
                "StrictHostKeyChecking=yes",
                f"HostKeyAlias={node.name}",
                f"HostKeyAlgorithms={HOST_CERTIFICATES},ssh-ed25519",
            ),
        )


def collect(fleet: Fleet, node: Host, now: datetime) -> Accepted:
    """Fetch a box's claim, take it in, bring the certificate, and see that the box now shows it.

    Raises ProvinceError when the claim is refused, ConnectionError without a way to a box of that token.
    """
    row = _newest(fleet, node)
    with contact_with(fleet, node, (row.key,)) as box:
        text = box.run(ASK)
        if "signature" not in json.loads(text):
            raise ProvinceError(
                f"{node.name}: the box that answers has ended its first boot; no claim waits there",
                hint=f"in a swap: it is still the old box. Who it is: province boxes {node.name}",
            )
        accepted = accept(fleet, text, now, node.name)
        if accepted.certificate:
            box.run(FINISH, answer_text(accepted))
    if accepted.certificate:
        with contact_with(fleet, node, ()) as box:
            box.run("true")
    return accepted


def _newest(fleet: Fleet, node: Host) -> Seed:
    rows = [row for row in load_seeds(trust_folder(fleet)) if row.host == node.name and row.withdrawn is None]
    if not rows:
        raise ProvinceError(
            f"{node.name}: there is no token for it, so no box can claim it",
            hint=f"province provision {node.name} --to FOLDER",
            exit_code=ExitCode.USAGE,
        )
    return rows[-1]
