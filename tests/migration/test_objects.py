"""A bucket moves between real object gateways with every version, there and back, while somebody files."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from province.errors import ProvinceError
from province.fleet.migration import Method, Phase
from province.migration.objects import fence
from province.migration.objects.bucket import About, Bucket
from province.migration.objects.compare import differing, manifest, shape
from province.migration.objects.hands import ObjectsHands
from province.migration.objects.way import ObjectsWay
from province.migration.proofs import Wiped
from tests.migration.buckets import RULES, Filer, furnish, let_in, lost_and_doubled, mover, office
from tests.migration.ceph import Ceph
from tests.migration.test_hands import Conducted, conduct_by

FORWARD = (Phase.PROVISIONED, Phase.REPLICATING, Phase.REHEARSED, Phase.FROZEN, Phase.CUT_OVER, Phase.SOAKING)
CORS = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://vanban.example"]}]}


@pytest.fixture
def way(ceph: Ceph) -> ObjectsWay:
    name = f"files-{uuid.uuid4().hex[:8]}"
    old, new = mover(ceph, "old", name), mover(ceph, "new", name)
    for one, tenant in ((old, "old"), (new, "new")):
        one.make("Enabled")
        let_in(one, tenant)
    old.ask("put_bucket_cors", CORSConfiguration=CORS)
    return ObjectsWay(old, new, settle_seconds=0.8, drain_seconds=20)


@pytest.fixture
def conducted(way: ObjectsWay, tmp_path: Path) -> Conducted:
    return conduct_by(lambda desk: ObjectsHands(way, desk), Method.OBJECTS, tmp_path)


def forward(conducted: Conducted, last: Phase) -> None:
    move = conducted.order.moves[0]
    for phase in FORWARD[: FORWARD.index(last) + 1]:
        if phase is Phase.REHEARSED:
            rehearsed = conducted.hands.by_move[move.id].rehearse(move)
            assert (rehearsed.different, rehearsed.schema_same) == ((), True)
            assert conducted.hands.by_move[move.id].backup(move).different == ()
        assert conducted.to(phase).phases == {move.id: phase}, conducted.to(phase).shut


def test_a_bucket_moves_and_comes_back_while_somebody_files(
    ceph: Ceph,
    way: ObjectsWay,
    conducted: Conducted,
) -> None:
    furnish(ceph, way.source)
    first = manifest(way.source)
    assert len(first) == 15
    sides = [(office(ceph, one), way.source.name) for one in ("old", "new")]
    with Filer(*sides, pause_s=0.1) as filer:
        filer.wait_for(8)
        forward(conducted, Phase.SOAKING)
        filer.wait_for(8)
        there = manifest(way.target)
        assert {place: there[place] for place in first} == first
        assert shape(way.target) == shape(way.source) == ("Enabled", [CORS["CORSRules"][0]])
        assert (fence.refuses(way.source), fence.refuses(way.target)) == (True, False)
        conducted.back()
        assert conducted.phase() is Phase.ROLLED_BACK
        filer.wait_for(8)
    assert set(filer.refusals) == {"AccessDenied"}
    assert lost_and_doubled(filer, way.source) == ([], [])
    assert {place: line for place, line in manifest(way.source).items() if place in first} == first
    assert [one["Sid"] for one in way.source.policy()["Statement"]] == [RULES]
    assert fence.refuses(way.target)
    assert way.source.ask("get_bucket_policy")


SPOILS: dict[str, tuple[Callable[[Bucket], None], set[str]]] = {}


def spoil(name: str, *gates: str) -> Callable[[Callable[[Bucket], None]], None]:
    def known(do: Callable[[Bucket], None]) -> None:
        SPOILS[name] = do, set(gates)

    return known


@spoil("one byte", "contents", "drained")
def _byte(bucket: Bucket) -> None:
    _instead(bucket, lambda about, body: (about, b"T" + body[1:]))


@spoil("words", "contents")
def _words(bucket: Bucket) -> None:
    _instead(bucket, lambda about, body: (About(about.headers, {"so-hieu": "0-7"}, about.tags), body))


@spoil("tag", "contents")
def _tag(bucket: Bucket) -> None:
    bucket.tag(_newest(bucket), {"mat": "toi mat"})


@spoil("missing version", "contents", "drained")
def _missing(bucket: Bucket) -> None:
    bucket.remove(bucket.versions()[_newest(bucket).key][0])


@spoil("missing mark", "contents", "drained")
def _mark(bucket: Bucket) -> None:
    bucket.remove(next(one[-1] for one in bucket.versions().values() if one[-1].marker))


def _newest(bucket: Bucket) -> Any:
    return bucket.versions()["quý 0/văn bản số 0 + phụ lục.pdf"][-1]


def _instead(bucket: Bucket, change: Callable[[About, bytes], tuple[About, bytes]]) -> None:
    """Another version in place of the newest one of a key, of the same size."""
    one = _newest(bucket)
    got = bucket.read(one)
    assert got
    about, body = change(got[0], got[1].read())
    bucket.remove(one)
    bucket.put(one.key, about, io.BytesIO(body), len(body))


@pytest.mark.soak
def test_what_is_planted_in_the_copy_is_found_by_the_gate(ceph: Ceph, way: ObjectsWay, tmp_path: Path) -> None:
    # Nobody writes here, so nothing is waited for.
    way = replace(way, settle_seconds=0.1)
    conducted = conduct_by(lambda desk: ObjectsHands(way, desk), Method.OBJECTS, tmp_path)
    furnish(ceph, way.source, keys=2)
    forward(conducted, Phase.FROZEN)
    whole = manifest(way.source)
    for name, (plant, gates) in SPOILS.items():
        plant(way.target)
        shut = {each.gate: each.said for each in conducted.to(Phase.CUT_OVER).shut}
        assert set(shut) == gates, name
        assert "phụ lục.pdf version" in shut["contents"]
        assert conducted.phase() is Phase.FROZEN
        # The same phase once more mends the copy, and nothing else.
        way.freeze()
        assert manifest(way.target) == whole, name
    assert conducted.to(Phase.CUT_OVER).shut == ()


def test_a_bucket_that_is_shut_tells_everybody_but_the_move(ceph: Ceph, way: ObjectsWay) -> None:
    client, name = office(ceph, "old"), way.source.name
    furnish(ceph, way.source, keys=1)
    one = next(iter(way.source.versions().values()))[-1]
    begun = client.create_multipart_upload(Bucket=name, Key="dở")["UploadId"]
    sent = client.upload_part(Bucket=name, Key="dở", UploadId=begun, PartNumber=1, Body=b"x")
    fence.shut(way.source)
    before = way.source.versions()
    source = {"Bucket": name, "Key": one.key}
    parts = {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]}
    refused: dict[str, dict[str, Any]] = {
        "put_object": {"Key": "x", "Body": b""},
        "copy_object": {"Key": "x", "CopySource": source},
        "delete_object": {"Key": one.key},
        "delete_objects": {"Delete": {"Objects": [{"Key": one.key}]}},
        "put_object_tagging": {"Key": one.key, "Tagging": {"TagSet": []}},
        "delete_object_tagging": {"Key": one.key},
        "complete_multipart_upload": {"Key": "dở", "UploadId": begun, "MultipartUpload": parts},
        "create_multipart_upload": {"Key": "x"},
    }
    for verb, words in refused.items():
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(client, verb)(Bucket=name, **words)
    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_object(Bucket=name, Key=one.key, VersionId=one.id)
    assert way.source.versions() == before
    assert client.get_object(Bucket=name, Key=one.key)["Body"].read()
    assert fence.SID in client.get_bucket_policy(Bucket=name)["Policy"]
    fence.open_(way.source)
    client.put_object(Bucket=name, Key="x", Body=b"")


def test_what_cannot_be_carried_over_is_refused_before_anything_is_copied(
    way: ObjectsWay, conducted: Conducted
) -> None:
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}
    way.source.ask("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": [rule]})
    way.source.ask("put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"})
    way.target.put("ai đó", About({}, {}, {}), io.BytesIO(b"x"), 1)
    with pytest.raises(ProvinceError, match="holds 1 keys already"):
        conducted.to(Phase.PROVISIONED)
    (held,) = way.target.versions().values()
    way.target.remove(held[0])
    conducted.to(Phase.PROVISIONED)
    (shut,) = conducted.to(Phase.REPLICATING).shut
    assert "(lifecycle)" in shut.said
    assert "its versions are suspended" in shut.said


@pytest.mark.soak
def test_it_retires_with_an_archive(ceph: Ceph, way: ObjectsWay, conducted: Conducted) -> None:
    move, whole = conducted.order.moves[0], None
    furnish(ceph, way.source)
    forward(conducted, Phase.SOAKING)
    whole = manifest(way.target)
    archive = conducted.hands.by_move[move.id].backup(move)
    assert (archive.final, archive.items, archive.different) == (True, len(whole), ())
    conducted.passed = timedelta(days=15)
    conducted.to(Phase.RETIRED)
    assert (way.source.versions(), fence.refuses(way.source), conducted.phase()) == ({}, True, Phase.RETIRED)
    assert manifest(way.target) == whole
    assert conducted.book.newest(Wiped, move.id)


@pytest.mark.soak
def test_a_bucket_without_versions_moves_too(ceph: Ceph, tmp_path: Path) -> None:
    name = f"plain-{uuid.uuid4().hex[:8]}"
    way = ObjectsWay(mover(ceph, "old", name), mover(ceph, "new", name), settle_seconds=0.8, drain_seconds=20)
    way.source.make("")
    let_in(way.source, "old")
    conducted = conduct_by(lambda desk: ObjectsHands(way, desk), Method.OBJECTS, tmp_path)
    client = office(ceph, "old")
    for number in range(10):
        client.put_object(Bucket=name, Key=str(number), Body=b"a")
    forward(conducted, Phase.REHEARSED)
    client.put_object(Bucket=name, Key="1", Body=b"b")
    client.delete_object(Bucket=name, Key="2")
    conducted.to(Phase.FROZEN)
    conducted.to(Phase.CUT_OVER)
    assert (len(way.target.versions()), way.target.versioned()) == (9, "")
    way.target.put("3", About({}, {}, {}), io.BytesIO(b"later"), 5)
    conducted.back()
    assert differing(manifest(way.source), manifest(way.target)) == ()
    got = way.source.read(way.source.versions()["3"][0])
    assert got
    assert got[1].read() == b"later"


@pytest.mark.soak
def test_a_large_object_goes_over_in_parts(ceph: Ceph, way: ObjectsWay) -> None:
    body = b"0123456789abcdef" * 2**16 * 20
    way.source.put("lớn", About({"ContentType": "video/mp4"}, {}, {}), io.BytesIO(body), len(body))
    (one,) = way.source.versions()["lớn"]
    assert "-" in one.etag
    way.provision()
    way.replicate()
    assert way.lag() == 0
    assert differing(manifest(way.source), manifest(way.target)) == ()
