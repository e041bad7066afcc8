"""What hosts are to be, as it came out last time: nothing is rendered twice while all that it follows from is the same.

Rendering the whole state of a host takes a tenth of a second, of 204 hosts longer than asking all of them. Most runs
follow another one of the same commit.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from province.fleet.fleet import Fleet
from province.fleet.load import BEGAN
from province.manifest.capability import CHECKOUT
from province.manifest.manifest import Manifest
from province.manifest.render import TEMPLATES
from province.manifest.roles import ROLES
from province.manifest.trust import trust_folder

MARGIN_S = 1.0
"""File systems date a change by a clock that lags behind the machine's own."""
VARIABLES = "PROVINCE_"
"""Variables of the process whose names begin so are read by the model."""


class Known(BaseModel):
    """As much of a manifest, or of a part of one, as asking a host about it needs; an empty one is not asked about."""

    model_config = ConfigDict(frozen=True)

    digest: str
    empty: bool = False
    advice: tuple[str, ...] = ()

    @classmethod
    def of(cls, manifest: Manifest) -> Known:
        """What is kept of a manifest."""
        return cls(digest=manifest.digest, empty=not manifest.parts, advice=tuple(manifest.advice))


class _File(BaseModel):
    source: str = ""
    hosts: dict[str, Known] = {}


class Memory:
    """What is known of an environment's hosts; empty where something that it follows from has changed."""

    def __init__(self, path: Path | None, source: str = "") -> None:
        self._path = path
        self._file = _File(source=source)
        self._new = False
        if path is None:
            return
        try:
            found = _File.model_validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return
        if found.source == source:
            self._file = found

    @classmethod
    def of(cls, fleet: Fleet) -> Memory:
        """That of an environment, beside what else its runs leave behind; nothing while somebody edits.

        Asked before the trust anchors are read, so that what is kept of them is not older than its digest. All else
        this process has read already: a file that was written since may not be what the fleet was made of.
        """
        if written_since(fleet, BEGAN - MARGIN_S):
            return cls(None)
        return cls(CHECKOUT / ".province" / fleet.environment.id / "manifests.json", source_of(fleet))

    def find(self, host: str, only: tuple[str, ...]) -> Known | None:
        """What a host is to be, or the part of it that some capabilities make; None when that has to be rendered."""
        return self._file.hosts.get(_place(host, only))

    def add(self, host: str, only: tuple[str, ...], known: Known) -> None:
        """Keep what was rendered."""
        self._file.hosts[_place(host, only)] = known
        self._new = True

    def save(self) -> None:
        """Write down what is new, for the next run; two that do so at once both leave a whole file."""
        if not self._new or self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        draft.write_text(self._file.model_dump_json(), encoding="utf-8")
        draft.replace(self._path)


def source_of(fleet: Fleet) -> str:
    """A digest of all that an environment's manifests follow from: facts, anchors, templates, roles, code, libraries.

    Contents count, not times.
    """
    told = sha256(f"{sys.version}\n".encode())
    told.update(json.dumps({key: os.environ[key] for key in sorted(os.environ) if key.startswith(VARIABLES)}).encode())
    for path in sources(fleet):
        told.update(f"{path}\0".encode() + sha256(path.read_bytes()).digest())
    return told.hexdigest()


def written_since(fleet: Fleet, moment: float) -> bool:
    """Whether a source other than a trust anchor was written after a moment, in seconds since 1970."""
    anchors = trust_folder(fleet)
    return any(path.stat().st_ctime > moment for path in sources(fleet) if anchors not in path.parents)


def sources(fleet: Fleet) -> Iterator[Path]:
    """The files behind `source_of`."""
    folders = (fleet.root / "fleet", fleet.root / fleet.environment.id, trust_folder(fleet), TEMPLATES, ROLES)
    for folder in dict.fromkeys(folders):
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())
    yield from sorted((CHECKOUT / "province").rglob("*.py"))
    yield CHECKOUT / "uv.lock"


def _place(host: str, only: tuple[str, ...]) -> str:
    return " ".join((host, *sorted(set(only))))
