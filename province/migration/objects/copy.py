"""Copies of all versions of a bucket: what one has and the other lacks, key by key, in the order of its versions.

A server gives each version a number and a date of its own. So what is the same is told by its place among the versions
of its key, and the versions that one side has of a key are always the first ones that the other has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from province.errors import ProvinceError
from province.migration.objects import fence
from province.migration.objects.bucket import Bucket, Version, Versions

AT_ONCE = 8
"""Keys that are worked on at a time; the versions of one key come one after the other."""
BESIDE = {"province-copy": "beside"}
"""The labels of a bucket that a rehearsal or a backup made, so that no other is ever taken for one."""
Thing = TypeVar("Thing")
Result = TypeVar("Result")


def each(things: Iterable[Thing], do: Callable[[Thing], Result]) -> list[Result]:
    """What is done with each of many things, several at a time; the first error ends it."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(do, one) for one in things]
        try:
            return [one.result() for one in waiting]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def copy(source: Bucket, target: Bucket, *, deep: bool, only: Versions | None = None) -> None:
    """Make a target hold what the source does, or what it held when somebody looked (`only`).

    `deep`: what lists do not show is compared, too: headers, words and tags of versions that are there already.
    """
    here, there = source.versions() if only is None else only, target.versions()

    def follow(key: str) -> None:
        olds, news = here.get(key, ()), there.get(key, ())
        same = _same(olds, news)
        if deep:
            same = _same_within(source, target, olds[:same], news[:same])
        for one in reversed(news[same:]):
            target.remove(one)
        for one in olds[same:]:
            if one.marker:
                target.delete(key)
            elif (got := source.read(one)) is not None:
                target.put(key, *got, one.size)
            else:
                # Taken away since somebody looked: what comes after it waits for the next pass.
                return

    each(sorted(here.keys() | there.keys()), follow)


def lag(source: Bucket, target: Bucket) -> int:
    """Bytes of versions that one more pass would copy or take away; each counts as one byte at least."""
    here, there = source.versions(), target.versions()
    behind = 0
    for key in here.keys() | there.keys():
        olds, news = here.get(key, ()), there.get(key, ())
        same = _same(olds, news)
        behind += sum(max(one.size, 1) for one in (*olds[same:], *news[same:]))
    return behind


def empty(bucket: Bucket) -> None:
    """Take every version away, and every mark, and what was never finished."""
    for one in bucket.ask("list_multipart_uploads").get("Uploads", []):
        bucket.ask("abort_multipart_upload", Key=one["Key"], UploadId=one["UploadId"])
    each([one for versions in bucket.versions().values() for one in reversed(versions)], bucket.remove)


def room(bucket: Bucket, versioned: str) -> None:
    """An empty bucket for a while, which refuses writes to everybody but us."""
    drop(bucket)
    bucket.make("")
    bucket.label(BESIDE)
    bucket.make(versioned)
    fence.shut(bucket)


def drop(bucket: Bucket) -> None:
    """Take such a bucket away with all that is in it; nothing where there is none, and never somebody else's."""
    if not bucket.is_there():
        return
    if bucket.labels() != BESIDE:
        hint = "it is none of the move's: take it away by hand, or give it another name"
        raise ProvinceError(f"{bucket.place} is there already", hint=hint)
    empty(bucket)
    bucket.ask("delete_bucket")


def _same(olds: tuple[Version, ...], news: tuple[Version, ...]) -> int:
    """How many versions of a key are the same on both sides, from the oldest on, as lists show them."""
    same = 0
    while same < min(len(olds), len(news)) and olds[same].alike(news[same]):
        same += 1
    return same


def _same_within(source: Bucket, target: Bucket, olds: tuple[Version, ...], news: tuple[Version, ...]) -> int:
    """The same by what they carry; tags are mended in place, because they change without a new version."""
    for place, (old, new) in enumerate(zip(olds, news, strict=True)):
        if old.marker:
            continue
        one, other = source.about(old), target.about(new)
        if one is None or other is None or (one.headers, one.own) != (other.headers, other.own):
            return place
        if one.tags != other.tags:
            target.tag(new, one.tags)
    return len(olds)
