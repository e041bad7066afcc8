"""A bucket in a file: a tape archive in which each version is two members, what it carries (JSON) and its bytes."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from province.errors import ExitCode, ProvinceError
from province.migration.objects.bucket import About, Bucket, Version

DIGITS = 9


def keep(bucket: Bucket, file: Path) -> dict[str, tuple[Version, ...]]:
    """Write all versions into a file, durably; those that are in it, by key. One that is gone meanwhile is not."""
    held = [one for _, versions in sorted(bucket.versions().items()) for one in versions]
    kept: dict[str, list[Version]] = {}
    with file.open("wb") as opened:
        with tarfile.open(fileobj=opened, mode="w|") as archive:
            for number, one in enumerate(held):
                got = None if one.marker else bucket.read(one)
                if one.marker or got is not None:
                    _add(bucket, archive, f"{number:0{DIGITS}}", one, got)
                    kept.setdefault(one.key, []).append(one)
        opened.flush()
        os.fsync(opened.fileno())
    return {key: tuple(versions) for key, versions in kept.items()}


def restore(file: Path, bucket: Bucket) -> None:
    """Put what a file holds into a bucket, in the order in which it was kept."""
    for key, about, body, size in _kept(file):
        if about is None:
            bucket.delete(key)
        else:
            bucket.put(key, about, body, size)


def _add(
    bucket: Bucket, archive: tarfile.TarFile, name: str, one: Version, got: tuple[About, IO[bytes]] | None
) -> None:
    said: dict[str, object] = {"key": one.key, "version": one.id, "deleted": one.marker}
    if got is not None:
        about, body = got
        said |= {"headers": dict(about.headers), "own": dict(about.own), "tags": dict(about.tags)}
    text = json.dumps(said, ensure_ascii=False, default=str).encode()
    head = tarfile.TarInfo(f"{name}.json")
    head.size = len(text)
    archive.addfile(head, io.BytesIO(text))
    if got is not None:
        content = tarfile.TarInfo(name)
        content.size = one.size
        with bucket.spoken("get_object"):
            archive.addfile(content, body)


def _kept(file: Path) -> Iterator[tuple[str, About | None, IO[bytes], int]]:
    with tarfile.open(file, mode="r:") as archive:
        said: dict[str, object] = {}
        for member in archive:
            opened = archive.extractfile(member)
            if opened is None:
                raise ProvinceError(f"{file}: {member.name} is no file", exit_code=ExitCode.BAD_DATA)
            if member.name.endswith(".json"):
                said = json.load(opened)
                if said["deleted"]:
                    yield str(said["key"]), None, io.BytesIO(), 0
            else:
                about = About(**{part: said[part] for part in ("headers", "own", "tags")})  # type: ignore[arg-type]
                yield str(said["key"]), about, opened, member.size
