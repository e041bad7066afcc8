"""Buckets of both sides for a test, and somebody who files all the time and keeps what a server acknowledged."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from province.migration.objects.bucket import Bucket
from province.migration.objects.compare import manifest
from tests.migration.ceph import PEOPLE, Ceph

RULES = "OfficeMayDoEverything"


def mover(ceph: Ceph, tenant: str, name: str) -> Bucket:
    return Bucket(ceph.url(tenant), name, f"{tenant}-mover", f"arn:aws:iam::{tenant}:user/mover")


def let_in(bucket: Bucket, tenant: str) -> None:
    """The rules that a bucket has before anything moves: the office and the move may do everything."""
    arn = f"arn:aws:s3:::{bucket.name}"
    # What the office wrote is its own: the bucket's owner reads it by a rule, too.
    who = {"AWS": [f"arn:aws:iam::{tenant}:user/{one}" for one in PEOPLE]}
    rule = {"Sid": RULES, "Effect": "Allow", "Principal": who, "Action": ["s3:*"], "Resource": [arn, f"{arn}/*"]}
    bucket.ask("put_bucket_policy", Policy=json.dumps({"Version": "2012-10-17", "Statement": [rule]}))


def office(ceph: Ceph, tenant: str) -> Any:
    """What a user's program asks a server by; it sends nothing twice."""
    config = Config(
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = boto3.Session(profile_name=f"{tenant}-office")
    return session.client("s3", endpoint_url=ceph.url(tenant), region_name="us-east-1", config=config)


def furnish(ceph: Ceph, bucket: Bucket, keys: int = 5) -> None:
    """Versions, marks, words of the writer, tags, an empty object, and names as people give them."""
    client, name = office(ceph, bucket.profile.partition("-")[0]), bucket.name
    for number in range(keys):
        key = f"quý {number % 4}/văn bản số {number} + phụ lục.pdf"
        for version in range(2):
            client.put_object(
                Bucket=name,
                Key=key,
                Body=f"trang {number} bản {version}".encode() * 20,
                ContentType="application/pdf",
                ContentDisposition="inline",
                Metadata={"so-hieu": f"{number}-{version}"},
                Tagging=f"mat=thuong&nam={2020 + version}",
            )
    client.delete_object(Bucket=name, Key="quý 1/văn bản số 1 + phụ lục.pdf")
    client.put_object(Bucket=name, Key="quý 2/văn bản số 2 + phụ lục.pdf", Body=b"moi", CacheControl="no-cache")
    for what in ("put", "delete", "put"):
        if what == "put":
            client.put_object(Bucket=name, Key="đi rồi về", Body=b"")
        else:
            client.delete_object(Bucket=name, Key="đi rồi về")


class Filer:
    """Files to one side until it refuses, then to the other; keeps each number that a server acknowledged."""

    def __init__(self, *sides: tuple[Any, str], pause_s: float = 0.01) -> None:
        self.sides, self.pause_s = sides, pause_s
        self.acknowledged: list[int] = []
        self.refusals: list[str] = []
        self.wrong: list[BaseException] = []
        self.stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Filer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()
        assert self.wrong == []

    def wait_for(self, more: int) -> None:
        wanted, end = len(self.acknowledged) + more, time.monotonic() + 60
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < end, (self.wrong, self.refusals[-3:])
            time.sleep(0.01)

    def _work(self) -> None:
        turn = number = 0
        try:
            while not self.stop.is_set():
                client, bucket = self.sides[turn]
                try:
                    client.put_object(Bucket=bucket, Key=f"hồ sơ/{number % 7}", Body=filed(number))
                except ClientError as error:
                    # It said no, so nobody has it: the same one goes to the other side.
                    self.refusals.append(error.response["Error"]["Code"])
                    turn = (turn + 1) % len(self.sides)
                    time.sleep(0.02)
                    continue
                self.acknowledged.append(number)
                number += 1
                time.sleep(self.pause_s)
        except BaseException as error:  # noqa: BLE001 - the test shall see it
            self.wrong.append(error)


def filed(number: int) -> bytes:
    return b"document %d" % number


def lost_and_doubled(filer: Filer, bucket: Bucket) -> tuple[list[int], list[int]]:
    """Which acknowledged numbers a bucket lacks, and which it has more than once."""
    held = Counter(line.sha256 for line in manifest(bucket).values())
    count = {number: held[hashlib.sha256(filed(number)).hexdigest()] for number in filer.acknowledged}
    return [one for one, many in count.items() if not many], [one for one, many in count.items() if many > 1]
