"""Nodes that pull: the real doors of both sites, real signatures, and the node's own code on files below a folder."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from province.errors import ProvinceError
from province.manifest.build import Builder
from province.manifest.copies import stores
from province.manifest.trust import stand_in
from province.ops import pull as pulling
from province.ops.node_wire import code_digest
from province.verify.signature import Signer
from tests.unit.node_in_folder import HostInFolder, a_file, a_manifest, a_part, node_side, wanted

from .copies_servers import Copies, Node, moved

entry, pull, contact, store, bundles = map(node_side, ("entry", "pull", "contact", "store", "bundles"))
NODE, OTHER = "phu-quoc-party", "phu-quoc-people"
NEAR, FAR = "rach-gia", "long-xuyen"
KEEPER = "/usr/local/lib/province/bundles"
WANTED = "/etc/wanted.conf"
HOUR_S, DAY_S = 3600, 86400


def keys(folder: Path, principal: str) -> Signer:
    """An authority of operators, and somebody who has its certificate for this one name."""
    folder.mkdir()
    for name in ("authority", "operator"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    certify_for(folder / "authority", folder / "operator.pub", principal)
    return Signer(folder / "operator-cert.pub", principal)


def certify_for(authority: Path, key: Path, principal: str) -> None:
    """The certificate of an authority for this one name, beside the key."""
    words = ["ssh-keygen", "-q", "-s", str(authority), "-I", principal, "-n", principal, "-V", "-30d:+1d", str(key)]
    subprocess.run(words, check=True, capture_output=True)


@dataclass
class Puller:
    """A node, the sites it asks, and who signs what it gets."""

    copies: Copies
    node: Node
    host: HostInFolder
    signer: Signer

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The node's code, entered as its bootstrap does once the code is there."""
        packed = json.loads(zlib.decompress(base64.b64decode(request["packed"]))) if "packed" in request else {}
        return dict(entry.answer({**request, **packed}, self.host))

    def pull(self) -> tuple[str, str]:
        told = pull.pull(self.host, self.ask)
        return told.state, told.why

    def text(self, content: str, by: Signer | None = None, guarded: bool = False, **more: Any) -> str:
        """A signed bundle that wants one file; `more` replaces what it says of itself."""
        part = a_part(files={WANTED: a_file(content)}, guarded=guarded)
        made = int(more.pop("made", time.time() - 2 * HOUR_S))
        manifest = a_manifest(part)
        said = {
            "host": self.node.name,
            "valid_until": made + 14 * DAY_S,
            "times": ((made, made + 14 * DAY_S),),
            "digest": wanted.digest(manifest),
            "reason": "tests",
            **more,
        }
        return pulling.bundle(pulling.Order(manifest=manifest, made=made, **said), by or self.signer)

    def publish(self, text: str, *sites: str) -> None:
        """What the controller does, to some sites or to both."""
        for site in sites or (NEAR, FAR):
            told = json.loads(self.keeper(site, "put", json.dumps({self.node.name: text})))
            assert told == {self.node.name: ""}

    def lay(self, content: bytes, *sites: str) -> None:
        """Whatever somebody who took a site over puts in the place of the node's bundle."""
        for site in sites or (NEAR, FAR):
            (self.copies.sites[site].place / "bundles" / self.node.name).write_bytes(content)

    def keeper(self, site: str, *words: str) -> str:
        """The site's own program; the last word after `put` is what it is given."""
        command, given = (words[:1], words[1]) if words[0] == "put" else (words, "")
        place = self.copies.sites[site].place
        done = subprocess.run(
            ["python3", "-I", place / "keeper", *command], input=given, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ProvinceError(done.stderr)
        return done.stdout

    def alone_for(self, seconds: float) -> None:
        """So long no controller was here."""
        for name in (contact.FILE, store.APPLIED):
            if (place := self.host.path(name)).exists():
                os.utime(place, (time.time() - seconds,) * 2)

    @property
    def said(self) -> dict[str, Any]:
        """What the node remembers of its tries."""
        return dict(store.load(self.host, pull.MEMORY))

    def etc(self) -> dict[str, tuple[str, int]]:
        """Everything that takes effect, and the states that are kept: what no refused bundle may touch."""
        memory = str(self.host.path(pull.MEMORY))
        return {path: what for path, what in self.host.tree().items() if path != memory and "/run/" not in path}


def equip(copies: Copies) -> None:
    """The program that keeps bundles, and its folder, at each site of what copies have set up."""
    builder = Builder(copies.fleet, stand_in(copies.fleet))
    for site, host in stores(tuple(copies.fleet.hosts.values())).items():
        place = copies.sites[site].place
        text = builder.build(host).files[KEEPER].content
        (place / "keeper").write_text(moved(text, {"/var/lib/province-bundles": f"{place}/bundles"}), encoding="utf-8")
        (place / "bundles").mkdir()


def puller(copies: Copies, name: str, signer: Signer) -> Puller:
    """A node as its manifest has it: the plan, and who may sign; only the doors' places and the authority differ."""
    node = copies.node(name)
    # What the node copies is not the matter here: it begins without any state.
    shutil.rmtree(node.root / store.FOLDER[1:])
    node.present()
    host = HostInFolder(node.root)
    files = Builder(copies.fleet, stand_in(copies.fleet)).build(copies.fleet.hosts[name]).files
    doors = {
        f"https://{store.fqdn}:{copies.fleet.province.copies.port}": f"https://localhost:{copies.sites[site].port}"
        for site, store in stores(tuple(copies.fleet.hosts.values())).items()
    }
    host.write(pull.PLAN, moved(files[pull.PLAN].content, doors))
    authority = signer.certificate.with_name("authority.pub").read_text(encoding="utf-8").strip()
    host.write(bundles.SIGNERS, moved(files[bundles.SIGNERS].content, {stand_in(copies.fleet).ssh_user_ca: authority}))
    return Puller(copies, node, host, signer)


def link_code(away: Puller) -> None:
    """The code that bundles of this checkout name is the one in use, as on every node once it was applied from here."""
    link = away.host.path("/usr/local/lib/province-node/current")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(code_digest())
