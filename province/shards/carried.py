"""The checkout that a run in pods brings along: one archive, named by its digest, the same from the same files."""

from __future__ import annotations

import io
import lzma
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.manifest.trust import trust_folder
from province.shards.start import ENDING
from province.shards.store import Store
from province.verify.checkout import NOTE, commit

FOLDER = "checkout/"
FILES = ("ansible.cfg", "pyproject.toml", "uv.lock", "versions.toml", "tests/__init__.py", "tests/conftest.py")
PARTS = ("province", "ansible", "templates", "inventories", "k8s", "tests/host", "tests/hearing.py", *FILES)
"""What of the checkout a shard reads: the model, what renders, applies and verifies it."""
PRESET = 6
"""Of xz: another one packs the same files into other bytes."""


def bring(fleet: Fleet, store: Store) -> str:
    """Put this checkout into a run's store, and return its name there; what is there already stays."""
    content = packed(fleet)
    name = f"{FOLDER}{sha256(content).hexdigest()}{ENDING}"
    store.put(name, content)
    return name


def packed(fleet: Fleet) -> bytes:
    """The archive: the files that git knows or would add, as they are here, and the environment's trust anchors.

    Those are public, and committed in production. What is never committed is no part of it.
    """
    checkout = fleet.root.parent
    anchors = f"inventories/{fleet.environment.id}/trust"
    listed = {name: checkout / name for name in _known(checkout)}
    listed |= {f"{anchors}/{name}": file for name, file in _below(trust_folder(fleet))}
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, file in sorted(listed.items()):
            _add(archive, name, file.read_bytes(), executable=bool(file.stat().st_mode & 0o100))
        _add(archive, NOTE, f"{commit(checkout)}\n".encode())
    return lzma.compress(plain.getvalue(), preset=PRESET)


def _known(checkout: Path) -> Iterator[str]:
    words = ["git", "-C", str(checkout), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *PARTS]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ProvinceError(
            f"{checkout}: git does not say which files are of this checkout: {getattr(error, 'stderr', '') or error}",
            hint="begin the run from a clone of the repository",
            exit_code=ExitCode.MACHINE,
        ) from None
    yield from (name for name in done.stdout.split("\0") if name and (checkout / name).is_file())


def _below(folder: Path) -> Iterable[tuple[str, Path]]:
    return ((str(file.relative_to(folder)), file) for file in folder.rglob("*") if file.is_file())


def _add(archive: tarfile.TarFile, name: str, content: bytes, *, executable: bool = False) -> None:
    """Add a file with nothing of the day, the machine or the person that it comes from."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o755 if executable else 0o644
    archive.addfile(entry, io.BytesIO(content))
