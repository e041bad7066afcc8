"""One bucket as a server of objects holds it (S3's protocol): what it says of itself, and every version in it."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, NamedTuple
from urllib.parse import unquote_plus, urlencode
from xml.etree import ElementTree

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - the library's own name
    HTTPClientError,
    NoCredentialsError,
    ProfileNotFound,
)

from province.errors import ExitCode, ProvinceError

Answer = dict[str, Any]
PATIENCE_S = 60
PART_BYTES = 8 * 2**20
MOST_PARTS = 9_000
"""Parts of one upload: the protocol allows 10,000."""
HEADERS = (
    "ContentType",
    "ContentEncoding",
    "ContentDisposition",
    "ContentLanguage",
    "CacheControl",
    "Expires",
    "WebsiteRedirectLocation",
)
"""What a writer may say of an object beside its own words."""
GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404"})
ABSENT = frozenset({"NoSuchBucket", "NoSuchBucketPolicy", "NoSuchTagSet", "NoSuchTagSetError", "404"})
ABSENT |= {"NoSuchCORSConfiguration", "NoSuchLifecycleConfiguration", "ObjectLockConfigurationNotFoundError"}


class Version(NamedTuple):
    """One version of a key, or a mark that it was deleted; `id` is the server's own and comes over nowhere."""

    key: str
    id: str
    marker: bool
    size: int
    etag: str

    def alike(self, other: Version) -> bool:
        """Whether a list shows both as the same; an upload in parts has an ETag that tells the parts, too."""
        whole = "-" not in self.etag and "-" not in other.etag
        return (self.marker, self.size) == (other.marker, other.size) and (self.etag == other.etag or not whole)


@dataclass(frozen=True)
class About:
    """What a version carries beside its bytes: headers of the protocol, the writer's own words, tags."""

    headers: Mapping[str, Any]
    own: Mapping[str, str]
    tags: Mapping[str, str]

    def text(self) -> str:
        """The same text, the same words."""
        return json.dumps([self.headers, self.own, self.tags], sort_keys=True, default=str)

    def sent(self) -> Answer:
        """As an upload takes them."""
        tags = {"Tagging": urlencode(self.tags)} if self.tags else {}
        return {**self.headers, "Metadata": dict(self.own), **tags}


Versions = Mapping[str, tuple[Version, ...]]
"""The versions of each key, the oldest first."""


@dataclass(frozen=True)
class Bucket:
    """A bucket of the server at `url`; `profile`: whose keys are used, in the file of AWS_SHARED_CREDENTIALS_FILE.

    `mover` is that account's name as policies know it (`arn:aws:iam::TENANT:user/NAME`).
    """

    url: str
    name: str
    profile: str
    mover: str

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.url.rstrip('/')}/{self.name}"

    def ask(self, verb: str, **words: Any) -> Answer:
        """What the server answers; ProvinceError with its words when it refuses."""
        with self.spoken(verb):
            return getattr(_client(self.url, self.profile), verb)(Bucket=self.name, **words) or {}

    def said(self, verb: str, **words: Any) -> Answer | None:
        """The same, or None where there is no such thing."""
        try:
            return self.ask(verb, **words)
        except Refused as refused:
            if refused.code in ABSENT:
                return None
            raise

    def is_there(self) -> bool:
        """Whether it exists."""
        return self.said("head_bucket") is not None

    def versioned(self) -> str:
        """Whether it keeps versions: `Enabled`, `Suspended`, or nothing where it never did."""
        return str((self.said("get_bucket_versioning") or {}).get("Status", ""))

    def make(self, versioned: str) -> None:
        """Make it, unless it is there."""
        if not self.is_there():
            self.ask("create_bucket")
        if versioned and self.versioned() != versioned:
            self.ask("put_bucket_versioning", VersioningConfiguration={"Status": versioned})

    def versions(self) -> Versions:
        """Everything in it."""
        found: dict[str, list[Version]] = {}
        words: Answer = {}
        while True:
            page = self.ask("list_object_versions", EncodingType="url", **words)
            for one in page[IN_ORDER]:
                found.setdefault(one.key, []).append(one)
            if not page.get("IsTruncated"):
                return {key: tuple(reversed(versions)) for key, versions in found.items()}
            after = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page.get("NextVersionIdMarker")}
            words = {key: value for key, value in after.items() if value}

    def about(self, one: Version) -> About | None:
        """What a version carries; None where it is gone."""
        try:
            head = self.ask("head_object", Key=one.key, VersionId=one.id)
            return self._about(one, head)
        except Refused as refused:
            if refused.code in GONE:
                return None
            raise

    def read(self, one: Version) -> tuple[About, IO[bytes]] | None:
        """What a version carries, and its bytes; None where it is gone."""
        try:
            got = self.ask("get_object", Key=one.key, VersionId=one.id)
            return self._about(one, got), got["Body"]
        except Refused as refused:
            if refused.code in GONE:
                return None
            raise

    def _about(self, one: Version, got: Answer) -> About:
        headers = {key: got[key] for key in HEADERS if got.get(key)}
        return About(headers, got.get("Metadata", {}), self.tags_of(one))

    def tags_of(self, one: Version) -> dict[str, str]:
        """The tags of a version."""
        return _pairs(self.ask("get_object_tagging", Key=one.key, VersionId=one.id))

    def put(self, key: str, about: About, body: IO[bytes], size: int) -> None:
        """Write the next version of a key; it is there as a whole or not at all."""
        from boto3.s3.transfer import TransferConfig  # noqa: PLC0415 - as in `_client`

        part = max(PART_BYTES, -(-size // MOST_PARTS))
        config = TransferConfig(multipart_threshold=part, multipart_chunksize=part, use_threads=False)
        self.ask("upload_fileobj", Key=key, Fileobj=body, ExtraArgs=about.sent(), Config=config)

    def tag(self, one: Version, tags: Mapping[str, str]) -> None:
        """Change the tags of a version, which makes no other one."""
        self.ask("put_object_tagging", Key=one.key, VersionId=one.id, Tagging=_tag_set(tags))

    def delete(self, key: str) -> None:
        """Mark a key as deleted, as users do: its versions stay."""
        self.ask("delete_object", Key=key)

    def remove(self, one: Version) -> None:
        """Take a version away for good; nothing where it is gone."""
        self.ask("delete_object", Key=one.key, VersionId=one.id)

    def labels(self) -> dict[str, str]:
        """The tags of the bucket itself."""
        return _pairs(self.said("get_bucket_tagging") or {})

    def label(self, labels: Mapping[str, str]) -> None:
        """Change them."""
        self.ask("put_bucket_tagging", Tagging=_tag_set(labels))

    def policy(self) -> Answer:
        """Who may do what, by rules of its own."""
        found = self.said("get_bucket_policy")
        return dict(json.loads(found["Policy"])) if found else {"Version": "2012-10-17", "Statement": []}

    def rule(self, policy: Answer) -> None:
        """Change that."""
        if policy["Statement"]:
            self.ask("put_bucket_policy", Policy=json.dumps(policy))
        elif self.said("get_bucket_policy"):
            self.ask("delete_bucket_policy")

    @contextmanager
    def spoken(self, verb: str) -> Iterator[None]:
        """What goes wrong within becomes an error for people."""
        try:
            yield
        except ClientError as error:
            raise Refused(self.place, verb, error) from None
        except (NoCredentialsError, ProfileNotFound) as error:
            hint = "the file that AWS_SHARED_CREDENTIALS_FILE names has the keys of each profile"
            raise ProvinceError(f"{self.place}: {error}", hint=hint) from None
        except (ConnectionError, HTTPClientError) as error:
            raise ProvinceError(f"{self.place}: {error}", exit_code=ExitCode.UNREACHABLE) from None
        except BotoCoreError as error:
            raise ProvinceError(f"{self.place}: {verb}: {error}") from None


class Refused(ProvinceError):
    """A server said no; `code` is the protocol's word for why."""

    def __init__(self, place: str, verb: str, error: ClientError) -> None:
        self.code = str(error.response["Error"]["Code"])
        why = error.response["Error"].get("Message") or ""
        super().__init__(f"{place}: {verb}: {self.code} {why}".rstrip())


IN_ORDER = "InOrder"
"""Under which key an answer has what a list holds as the server ordered it: versions and marks among each other.

boto3 sorts both into lists of their own, after which nobody knows whether a mark came before a version.
"""


def _keep_order(response_dict: Answer, customized_response_dict: Answer, **_: Any) -> None:
    if response_dict["status_code"] != 200:
        return
    root = ElementTree.fromstring(response_dict["body"])  # noqa: S314 - expat bounds what entities grow to
    space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    found = []
    for one in root:
        kind = one.tag.removeprefix(space)
        if kind in {"Version", "DeleteMarker"}:
            said = {child.tag.removeprefix(space): child.text or "" for child in one}
            key, etag = unquote_plus(said["Key"]), said.get("ETag", "").strip('"')
            found.append(Version(key, said["VersionId"], kind == "DeleteMarker", int(said.get("Size") or 0), etag))
    customized_response_dict[IN_ORDER] = found


@functools.cache
def _client(url: str, profile: str) -> Any:
    # Few commands need it, and all of them would wait for it.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=5,
        read_timeout=PATIENCE_S,
        max_pool_connections=32,
        retries={"mode": "standard", "total_max_attempts": 3},
        s3={"addressing_style": "path"},
        # Servers of that age know none but Content-MD5; every version is compared by its SHA-256.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = boto3.Session(profile_name=profile)
    client = session.client("s3", endpoint_url=url, region_name=session.region_name or "us-east-1", config=config)
    client.meta.events.register("before-parse.s3.ListObjectVersions", _keep_order)
    return client


def _pairs(answer: Answer) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in answer.get("TagSet", [])}


def _tag_set(tags: Mapping[str, str]) -> Answer:
    return {"TagSet": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}
