"""The lab's own package source: what guests install from, signed, with everything a package depends on.

Layout: the Debian repository format, one component, one suite with everything. Beside it each release of updates has a
suite and a pool of its own, which are made once and never change. The packages lie in the shared cache; index and
signature are each lab's own, so a guest trusts this lab's key and nothing else.
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from province.errors import ProvinceError
from province.lab import image
from province.lab.commands import run
from province.lab.sources import KEYRING, SUITE, VARIABLE, debian_mirror
from province.lab.spec import Image, MirrorSpec
from province.lab.state import Place
from province.toolchain import cache

SIGNER = "Province lab package source"
RELEASES = "releases"
"""The folder of the pools of releases."""
DAY_SECONDS = 86_400
SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's own, which has its bindings to apt."""
RESOLVER = Path(__file__).with_name("needed_packages.py")


def keyring(place: Place) -> Path:
    """Return the public key that guests check the source with."""
    return place.mirror / "province-lab.gpg"


def source(station: object, port: int) -> str:
    """Return the source's address as guests write it into their configuration, without the suite."""
    return f"http://{station}{'' if port == 80 else f':{port}'}/debian"


def ensure(place: Place, spec: MirrorSpec, images: dict[Image, Path]) -> bool:
    """Bring the source to what is specified; True if anything changed. Downloads what the cache lacks."""
    wanted = _fingerprint(spec, images)
    note = place.mirror / "made-from"
    if note.exists() and note.read_text() == wanted:
        return False
    root = place.mirror / "served"
    debian = root / "debian"
    root.mkdir(parents=True, exist_ok=True)
    _clear(root, spec.suites)
    packages = [*downloads(spec.packages, images), *spec.debs]
    _ensure_key(place)
    _publish(place, debian, SUITE, "pool", packages, spec.valid_days)
    for suite in spec.suites:
        if not (debian / "dists" / suite).exists():
            _publish(place, debian, suite, f"{RELEASES}/{suite}", packages, spec.valid_days)
    if spec.images is not None:
        (root / "images").symlink_to(spec.images)
    note.write_text(wanted)
    return True


def _clear(root: Path, suites: Collection[str]) -> None:
    """Remove what was served, but for the releases that are still wanted."""
    (root / "images").unlink(missing_ok=True)
    debian = root / "debian"
    kept = {debian / folder / suite for folder in ("dists", RELEASES) for suite in suites}
    for one in [debian / "pool", *debian.glob("dists/*"), *debian.glob(f"{RELEASES}/*")]:
        if one not in kept and one.exists():
            shutil.rmtree(one)


def _publish(place: Place, debian: Path, suite: str, pool: str, packages: Iterable[Path], valid_days: int) -> None:
    """Put packages into a pool, and write and sign the index of its suite."""
    (debian / pool).mkdir(parents=True, exist_ok=True)
    for package in packages:
        if not (debian / pool / package.name).exists():
            _place(package, debian / pool / package.name)
    _index(debian, suite, pool, valid_days)
    _sign(place, debian / "dists" / suite)


def downloads(packages: tuple[str, ...], images: dict[Image, Path]) -> list[Path]:
    """Return all package files that guests of these images may need."""
    if not packages:
        return []
    with ThreadPoolExecutor() as pool:
        folders = pool.map(lambda kind: downloaded(kind, images[kind], packages), sorted(images))
        return [package for folder in folders for package in sorted(folder.glob("*.deb"))]


def downloaded(kind: Image, tree: Path, packages: tuple[str, ...]) -> Path:
    """Return a folder with the packages, and all that they need beyond what the image has."""
    # Entries of another kind: those made before could lack a package.
    key = cache.key_of("complete", image.key(kind), *sorted(packages))
    return cache.entry(f"packages-{kind}", key, lambda target: download(target, tree, packages))


def apt_settings(scratch: Path, tree: Path) -> dict[str, str]:
    """Return the settings that make apt resolve for another system than the machine's own (apt.conf(5)).

    The machine's other settings stay in force, so its proxy is used.
    """
    return {
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        # The image is only read: another lab may resolve against it at the same moment.
        "Debug::NoLocking": "true",
        "Dir::Cache": str(scratch / "cache"),
        "Dir::Cache::archives": str(scratch / "archives"),
        # Machines made from container images keep none, and every call would read the whole index anew.
        "Dir::Cache::pkgcache": "pkgcache.bin",
        "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
        "Dir::Etc::sourcelist": str(scratch / "sources.list"),
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferencesparts": "-",
        "Dir::State": str(scratch / "state"),
        "Dir::State::status": str(tree / "var/lib/dpkg/status"),
    }


def download(target: Path, tree: Path, packages: tuple[str, ...], suite: str = SUITE) -> None:
    """Fill a cache entry with everything that each package needs and the image has not."""
    origin = debian_mirror()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        for name in ("cache", "archives/partial", "state/lists/partial"):
            (scratch / name).mkdir(parents=True)
        (scratch / "sources.list").write_text(f"deb [signed-by={KEYRING}] {origin} {suite} main\n")
        settings = apt_settings(scratch, tree)
        apt = ["apt-get", "-q", "-y", *(word for key, value in settings.items() for word in ("-o", f"{key}={value}"))]
        run([*apt, "update"])
        answer = json.loads(run([SYSTEM_PYTHON, RESOLVER, json.dumps(settings)], stdin="\n".join(packages)))
        if answer["problems"]:
            problems = [f"{package}: {reason}" for package, reason in answer["problems"].items()]
            raise ProvinceError(
                f"the lab's package source cannot be filled from {origin}:\n  " + "\n  ".join(problems),
                hint=f"correct the package names, or set {VARIABLE} to an archive that has them",
            )
        files = answer["files"]
        printed = {_instance(line): line for line in run([*apt, "--print-uris", "download", *files]).splitlines()}
        missing = [file for file in files if not _taken_over(printed[file.partition("=")[0]], target)]
        if missing:
            run([*apt, "download", *missing], cwd=scratch / "archives")
        for file in (scratch / "archives").glob("*.deb"):
            shutil.copy2(file, target / _stored(file.name))


def _instance(line: str) -> str:
    """The package that a line of `apt-get download --print-uris` is about, as `name:architecture`.

    apt prints in an order of its own, not in that of the question.
    """
    name = line.split()[1].removesuffix(".deb")
    return f"{name.partition('_')[0]}:{name.rpartition('_')[2]}"


def _taken_over(line: str, target: Path) -> bool:
    """Take a package over from another entry of the cache: another list of packages needs nearly the same files.

    `line` is what apt prints of a file: address, name, size, checksum.
    """
    _, name, _, checksum = line.split()
    for kept in sorted(cache.directory().glob(f"packages-*/*/{_stored(name)}")):
        if checksum == f"SHA256:{hashlib.sha256(kept.read_bytes()).hexdigest()}":
            _place(kept, target / kept.name)
            return True
    return False


def _stored(name: str) -> str:
    """The name under which a package file is kept: apt writes the colon of an epoch as %3a, which a server decodes."""
    return name.replace("%3a", "_")


def _place(package: Path, target: Path) -> None:
    """Put a package into the pool without copying it, if both lie on one file system.

    No symbolic links: the index would name where they point to.
    """
    try:
        target.hardlink_to(package)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copyfile(package, target)


def _index(root: Path, suite: str, pool: str, valid_days: int) -> None:
    """Write the index of all packages of a pool and the list of its checksums (apt-ftparchive(1)); it ends one day."""
    architecture = run(["dpkg", "--print-architecture"]).strip()
    dist = root / "dists" / suite
    binary = dist / "main" / f"binary-{architecture}"
    binary.mkdir(parents=True)
    (binary / "Packages").write_text(run(["apt-ftparchive", "packages", pool], cwd=root))
    facts = {
        "Origin": SIGNER,
        "Suite": suite,
        "Codename": suite,
        "ValidTime": str(valid_days * DAY_SECONDS),
        "Components": "main",
        "Architectures": architecture,
    }
    options = [word for key, value in facts.items() for word in ("-o", f"APT::FTPArchive::Release::{key}={value}")]
    (dist / "Release").write_text(run(["apt-ftparchive", *options, "release", dist]))


def _ensure_key(place: Place) -> None:
    """Make the lab's signing key unless there is one; it lies as text, gpg's own folder is made when needed."""
    secret = _secret(place)
    if secret.exists() and keyring(place).exists():
        return
    with _gpg_home() as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
        run([*gpg, "--passphrase", "", "--quick-generate-key", SIGNER, "ed25519", "sign", "never"])
        run([*gpg, "--output", keyring(place), "--yes", "--export"])
        secret.touch(mode=0o600)
        secret.write_text(run([*gpg, "--armor", "--export-secret-keys"]))


def _sign(place: Place, dist: Path) -> None:
    """Sign the list of checksums, as a text that carries its signature."""
    with _gpg_home() as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
        run([*gpg, "--import", _secret(place)])
        run([*gpg, "--output", dist / "InRelease", "--yes", "--clearsign", dist / "Release"])


@contextmanager
def _gpg_home() -> Iterator[Path]:
    """Give gpg a folder for the moment: its agent's socket needs a short path, and the agent must not stay."""
    with tempfile.TemporaryDirectory(prefix="gpg") as folder:
        try:
            yield Path(folder)
        finally:
            run(["gpgconf", "--homedir", folder, "--kill", "all"])


def _secret(place: Place) -> Path:
    """Return the file with the signing key."""
    return place.mirror / "signing-key.asc"


def _fingerprint(spec: MirrorSpec, images: dict[Image, Path]) -> str:
    """Return a digest of what the source is made from."""
    debs = [f"{path} {path.stat().st_mtime_ns}" for path in spec.debs]
    trees = [f"{kind} {tree}" for kind, tree in sorted(images.items())]
    suites = [*spec.suites, str(spec.valid_days)]
    return cache.key_of(
        *spec.packages, *suites, *debs, str(spec.images), *trees, Path(__file__).read_text(encoding="utf-8")
    )
