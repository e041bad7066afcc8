"""A bucket's refusal of writes: a rule of ours among its own ones, whose name says why."""

from __future__ import annotations

from typing import Any

from province.migration.objects.bucket import Bucket

SID = "ThisBucketMovesAndTakesNoWritesBeforeTheMoveIsOver"
"""What a user reads who asks for the rules. S3 has no words of ours for the refusal itself: it is `AccessDenied`."""
WRITES = frozenset(
    f"s3:{verb}"
    for verb in (
        "PutObject",
        "PutObjectAcl",
        "PutObjectVersionAcl",
        "PutObjectTagging",
        "PutObjectVersionTagging",
        "DeleteObject",
        "DeleteObjectVersion",
        "DeleteObjectTagging",
        "DeleteObjectVersionTagging",
        "PutBucketVersioning",
        "PutLifecycleConfiguration",
        "DeleteBucket",
    )
)
"""What nobody but the move may do. Rules themselves stay its owner's: a wrong name of the mover would lock him out."""


def shut(bucket: Bucket) -> None:
    """Refuse writes to everybody but the move; what began before is not told, and may still end."""
    policy = bucket.policy()
    arn = f"arn:aws:s3:::{bucket.name}"
    rule = {
        "Sid": SID,
        "Effect": "Deny",
        "NotPrincipal": {"AWS": [bucket.mover]},
        "Action": sorted(WRITES),
        "Resource": [arn, f"{arn}/*"],
    }
    bucket.rule(policy | {"Statement": [*_own(policy), rule]})


def open_(bucket: Bucket) -> None:
    """Take writes again, by the rules that the bucket had."""
    if refuses(bucket):
        policy = bucket.policy()
        bucket.rule(policy | {"Statement": _own(policy)})


def refuses(bucket: Bucket) -> bool:
    """Whether the rule is there as a whole."""
    return any(
        one.get("Sid") == SID and one.get("Effect") == "Deny" and set(one.get("Action", ())) >= WRITES
        for one in bucket.policy()["Statement"]
    )


def _own(policy: dict[str, Any]) -> list[Any]:
    return [one for one in policy["Statement"] if one.get("Sid") != SID]
