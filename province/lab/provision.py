"""What the lab of this checkout is made of, from the model and the pins; and what it tells others afterwards."""

from __future__ import annotations

import base64
import json
import shutil
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from province.bundle.folder import archives as bundled_archives
from province.bundle.sums import faults
from province.errors import ExitCode, ProvinceError
from province.fleet.decommissioned import DECOMMISSIONED
from province.fleet.fence import FENCES
from province.fleet.fleet import Fleet
from province.lab import ca, engine, image, mirror, readers, signatures, signed_zone
from province.lab.deb import Deb, make_deb
from province.lab.engine import Report, Say, to_stderr
from province.lab.spec import LabSpec
from province.lab.state import Place
from province.lab.topology import lab_spec
from province.manifest.build import packages as wanted_packages
from province.manifest.trust import (
    COPIES_SEAL,
    DEVICES_CA,
    DNS_ANCHORS,
    HOST_CA,
    IMAGES,
    MIRROR_KEY,
    SERVICE_CA,
    USER_CA,
    stand_in,
    trust_folder,
)
from province.pki import authority as service_authority
from province.pki import seal
from province.pki.anchors import fingerprint, fingerprints
from province.pki.authority import DEVICES, authority_folder
from province.secrets.sealed import place as place_of_secrets
from province.toolchain import build as programs
from province.toolchain import cache, go, pins, pulumi_home
from province.toolchain.images import ImageArchive, images, note

LAB = "lab"
"""The environment whose hosts are this lab's guests."""

OWN_PROGRAMS = ("kubelet", "kubeadm", "kubectl", "etcdctl", "etcdutl")
"""Programs from pins that hosts install as packages, as they would from a vendor's archive."""
OWN_PACKAGES = (*OWN_PROGRAMS, *(one.package for one in signatures.ALL))


def specification(fleet: Fleet) -> LabSpec:
    """The lab of a fleet without what its mirror serves: enough to look at it, to enter it, to end it."""
    return lab_spec(fleet)


@dataclass(frozen=True)
class Goods:
    """What the lab's mirror serves: packages by name, to be downloaded, packages as files, and images."""

    packages: tuple[str, ...]
    debs: tuple[Path, ...]
    archives: tuple[ImageArchive, ...]


def goods(fleet: Fleet) -> Goods:
    """Everything that hosts install, from the cache, which is filled first."""
    archives = images(image.ensure("kubernetes"))
    return Goods(mirrored_packages(fleet), tuple(own_packages()), tuple(archives.values()))


def bundled_goods(bundle: Path) -> Goods:
    """The same from a bundle and from nowhere else; ProvinceError names the files of one that was touched."""
    if found := faults(bundle):
        raise ProvinceError(
            "\n".join([f"{bundle} is not the bundle that was made", *(f"  {fault}" for fault in found)]),
            hint="copy it anew from its source",
            exit_code=ExitCode.BAD_DATA,
        )
    archives = bundled_archives(bundle)
    note(archives)
    return Goods((), tuple(sorted((bundle.absolute() / "packages").glob("*.deb"))), archives)


def up(fleet: Fleet, say: Say = to_stderr, bundle: Path | None = None) -> Report:
    """Bring the lab up to the model, with everything its hosts install; publish what others must know of it."""
    checkout = fleet.root.parent
    place = Place(checkout)
    served = bundled_goods(bundle) if bundle else goods(fleet)
    served_images = _image_folder(place, served.archives)
    spec = lab_spec(fleet, packages=served.packages, debs=served.debs, images=served_images)
    report = engine.up(checkout, spec, say=say)
    publish(fleet, place, served.archives)
    readers.seal_all(fleet, datetime.now(UTC))
    return report


def down(fleet: Fleet, say: Say = to_stderr) -> Report:
    """End the lab and take back what it had told others; the shared cache stays."""
    report = engine.down(fleet.root.parent, say=say)
    inventory = fleet.root / fleet.environment.id
    for folder in (trust_folder(fleet), inventory / "descriptors", place_of_secrets(fleet)[0]):
        shutil.rmtree(folder, ignore_errors=True)
    for name in ("ssh_config", FENCES, DECOMMISSIONED):
        (inventory / name).unlink(missing_ok=True)
    _forget_stacks(pulumi_home.STATE_DIR / "state")
    return report


def mirrored_packages(fleet: Fleet) -> tuple[str, ...]:
    """The packages of Debian that the mirror of an environment has to hold."""
    return tuple(sorted(set(wanted_packages(fleet, stand_in(fleet))) - set(OWN_PACKAGES)))


def own_packages() -> list[Path]:
    """The pinned programs of a cluster and this week's signatures as Debian packages, from the cache."""
    artefacts = {name: pins.load().artefact(name) for name in OWN_PROGRAMS}
    binaries = {name: programs.built(artefact) for name, artefact in artefacts.items()}
    made = signatures.version(datetime.now(UTC).date())
    programs_key = (f"{name} {artefacts[name].version} {binaries[name]}" for name in OWN_PROGRAMS)
    key = cache.key_of(*programs_key, made, *(one.content for one in signatures.ALL))

    def write(folder: Path) -> None:
        for one in signatures.ALL:
            signatures.write_package(folder, one, made)
        for name in OWN_PROGRAMS:
            deb = Deb(
                name=name,
                version=f"{artefacts[name].version.removeprefix('v')}-1",
                files={f"usr/bin/{name}": (binaries[name], 0o755)},
                maintainer="Platform engineers <platform@invalid>",
                description=f"{name}, built from its pinned source",
                architecture=go.host_platform().partition("-")[2],
            )
            make_deb(folder, deb)

    return sorted(cache.entry("own-packages", key, write).glob("*.deb"))


def publish(fleet: Fleet, place: Place, archives: Iterable[ImageArchive]) -> None:
    """Write the lab's public trust anchors and its SSH configuration to where Ansible and testinfra look.

    These files stand in the place of those that production commits; Git ignores them.
    """
    folder = trust_folder(fleet)
    folder.mkdir(parents=True, exist_ok=True)
    authority = ca.Authority(place.ssh)
    services, _ = service_authority.ensure(
        authority_folder(fleet), f"{fleet.province.domain} services", datetime.now(UTC)
    )
    devices, _ = service_authority.ensure(
        authority_folder(fleet) / DEVICES, f"{fleet.province.domain} devices", datetime.now(UTC)
    )
    for name, key in ((USER_CA, authority.user_ca), (HOST_CA, authority.host_ca)):
        _accept(folder / name, key.with_name(f"{key.name}.pub").read_text(encoding="utf-8"))
        link = authority_folder(fleet) / name.removesuffix(".pub")
        if not link.is_symlink():
            link.symlink_to(key)
    _accept(folder / SERVICE_CA, services.pem)
    _write(folder / DEVICES_CA, devices.pem)
    _write(folder / COPIES_SEAL, seal.ensure(authority_folder(fleet)))
    anchors = [signed_zone.anchor(place, one.zone) for one in fleet.environment.forward_zones]
    _write(folder / DNS_ANCHORS, "".join(anchors))
    _write(folder / MIRROR_KEY, _armoured(mirror.keyring(place)))
    pinned = [{"name": one.name, "reference": one.reference, "sha256": one.sha256} for one in archives]
    _write(folder / IMAGES, json.dumps(pinned, indent=2) + "\n")
    config = fleet.root / fleet.environment.id / "ssh_config"
    _write(config, f"# Written by `province lab up`.\nInclude {authority.config}\n")


def _forget_stacks(state: Path) -> None:
    """Drop what Pulumi knows of the lab's clusters: the next ones will be others, with nothing in them."""
    for file in state.rglob(f"{LAB}.*"):
        if file.is_file():
            file.unlink()
        else:
            shutil.rmtree(file, ignore_errors=True)


def _image_folder(place: Place, archives: Iterable[ImageArchive]) -> Path:
    folder = place.root / "images"
    folder.mkdir(parents=True, exist_ok=True)
    for archive in archives:
        link = folder / f"{archive.name}.tar"
        if not link.is_symlink() or link.readlink() != archive.path:
            link.unlink(missing_ok=True)
            link.symlink_to(archive.path)
    return folder


def _armoured(key: Path) -> str:
    """A binary OpenPGP key as text (RFC 9580, section 6.2), the form that apt reads from an `.asc` file."""
    lines = textwrap.wrap(base64.b64encode(key.read_bytes()).decode("ascii"), 64)
    return "\n".join(["-----BEGIN PGP PUBLIC KEY BLOCK-----", "", *lines, "-----END PGP PUBLIC KEY BLOCK-----", ""])


def _accept(path: Path, authority: str) -> None:
    """Name the authority that signs, unless it is named there already: another one may follow it and stand beside."""
    if not path.is_file() or fingerprint(authority.strip()) not in fingerprints(path.read_text(encoding="utf-8")):
        path.write_text(authority, encoding="utf-8")


def _write(path: Path, text: str) -> None:
    """Write a file only when it changes, so that nothing downstream sees a new one for nothing."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
