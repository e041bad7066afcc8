"""What a bucket holds, a line for each version: the SHA-256 of its content and of everything that it carries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import IO, NamedTuple

from province.migration.objects.bucket import Bucket, Version, Versions
from province.migration.objects.copy import each

BLOCK = 2**20
SHAPE = ("get_bucket_cors",)
"""How a bucket is made, beside its versions: who may ask it out of a browser."""


class Line(NamedTuple):
    """A version in a manifest: its key, which version of that it is (the oldest is 1), bytes, checksums.

    `sha256` is of the content, `about` of headers, words and tags; both empty for a mark that the key was deleted.
    """

    key: str
    number: int
    size: int
    sha256: str
    about: str

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.key} version {self.number}"


Manifest = Mapping[tuple[str, int], Line]


def manifest(bucket: Bucket, only: Versions | None = None) -> Manifest:
    """The line of every version, or of those that were there when somebody looked; one that is gone has none."""
    held = bucket.versions() if only is None else only
    all_ = [(number, one) for versions in held.values() for number, one in enumerate(versions, start=1)]
    lines = each(all_, lambda numbered: _line(bucket, *numbered))
    return {(one.key, one.number): one for one in lines if one is not None}


def differing(here: Manifest, there: Manifest) -> tuple[str, ...]:
    """Versions that are not the same, or on one side only, by key and number."""
    wrong = sorted(place for place in here.keys() | there.keys() if here.get(place) != there.get(place))
    return tuple(str(here.get(place) or there[place]) for place in wrong)


def listed(bucket: Bucket) -> str:
    """The checksum of a bucket's list: another one as soon as anything was written or taken away."""
    said = json.dumps(sorted(bucket.versions().items())).encode()
    return hashlib.sha256(said).hexdigest()


def shape(bucket: Bucket) -> tuple[object, ...]:
    """How a bucket is made: whether it keeps versions, and which pages may ask it."""
    return (bucket.versioned(), *((bucket.said(verb) or {}).get("CORSRules") for verb in SHAPE))


def sha256_and_size(body: IO[bytes]) -> tuple[str, int]:
    """The checksum of what is read, and how much it was."""
    digest, size = hashlib.sha256(), 0
    while part := body.read(BLOCK):
        digest.update(part)
        size += len(part)
    return digest.hexdigest(), size


def _line(bucket: Bucket, number: int, one: Version) -> Line | None:
    if one.marker:
        return Line(one.key, number, 0, "", "")
    got = bucket.read(one)
    if got is None:
        return None
    about, body = got
    with bucket.spoken("get_object"):
        digest, size = sha256_and_size(body)
    return Line(one.key, number, size, digest, hashlib.sha256(about.text().encode()).hexdigest())
