"""What goes wrong in the middle of the move of a bucket: the conductor, a gateway, an upload that takes its time."""

from __future__ import annotations

import http.client
import io
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from province.errors import ExitCode, ProvinceError
from province.fleet.migration import Method, Phase
from province.migration.objects import fence
from province.migration.objects.bucket import About, Bucket
from province.migration.objects.compare import differing, manifest
from province.migration.objects.hands import ObjectsHands
from province.migration.objects.way import ObjectsWay
from tests.migration.buckets import Filer, furnish, lost_and_doubled, office
from tests.migration.ceph import Ceph
from tests.migration.test_faults import Killed
from tests.migration.test_hands import Conducted, conduct_by
from tests.migration.test_objects import conducted, forward, way  # noqa: F401 - fixtures

pytestmark = pytest.mark.soak
NEVER = 10**9
LEFT = [NEVER]
FREEZES = 20


class Mortal(Bucket):
    """A bucket that kills who asks it, after so many questions to both sides together."""

    def ask(self, verb: str, **words: Any) -> dict[str, Any]:
        LEFT[0] -= 1
        if LEFT[0] < 0:
            raise Killed
        return super().ask(verb, **words)


def mortal(bucket: Bucket) -> Mortal:
    return Mortal(bucket.url, bucket.name, bucket.profile, bucket.mover)


def test_killed_at_every_step_there_and_back_nothing_is_lost(
    ceph: Ceph,
    way: ObjectsWay,  # noqa: F811
    tmp_path: Path,
) -> None:
    dying = ObjectsWay(mortal(way.source), mortal(way.target), settle_seconds=0.05, drain_seconds=20)
    conducted = conduct_by(lambda desk: ObjectsHands(dying, desk), Method.OBJECTS, tmp_path)  # noqa: F811
    furnish(ceph, way.source, keys=2)
    forward(conducted, Phase.REHEARSED)
    hands, move = conducted.hands.by_move[conducted.order.moves[0].id], conducted.order.moves[0]
    # What only the last pass brings, and what only the way back does.
    fresh = About({}, {"so-hieu": "9"}, {"mat": "thuong"})
    way.source.put("cuối cùng", fresh, io.BytesIO(b"old side"), 8)
    expected = dict(manifest(way.source))
    for wanted in (Phase.FROZEN, Phase.CUT_OVER, Phase.ROLLED_BACK):
        asked = 0
        while True:
            LEFT[0] = asked
            try:
                hands.act(move, wanted)
                break
            except Killed:
                asked += 1
            finally:
                LEFT[0] = NEVER
            assert fence.refuses(way.source) or fence.refuses(way.target)
            assert hands.phase(move) in {*FROM[wanted], wanted}
        assert asked > 5
        assert hands.phase(move) is wanted
        if wanted is Phase.CUT_OVER:
            way.target.put("cuối cùng", fresh, io.BytesIO(b"new side"), 8)
            expected = dict(manifest(way.target))
    assert manifest(way.source) == expected
    assert differing(manifest(way.source), manifest(way.target)) == ()


FROM = {
    Phase.FROZEN: {Phase.REHEARSED},
    Phase.CUT_OVER: {Phase.FROZEN},
    Phase.ROLLED_BACK: {Phase.CUT_OVER, Phase.FROZEN},
}


def test_a_gateway_that_was_killed_midway_is_named_and_the_move_goes_on(
    ceph: Ceph,
    way: ObjectsWay,  # noqa: F811
    conducted: Conducted,  # noqa: F811
) -> None:
    furnish(ceph, way.source)
    forward(conducted, Phase.REHEARSED)
    for tenant in ("old", "new"):
        ceph.kill(tenant)
        with pytest.raises(ProvinceError) as gone:
            conducted.to(Phase.FROZEN)
        assert gone.value.exit_code is ExitCode.UNREACHABLE
        assert ceph.url(tenant) in str(gone.value)
        ceph.start(tenant)
    conducted.to(Phase.FROZEN)
    assert conducted.to(Phase.CUT_OVER).shut == ()


class Slow:
    """An upload that began before the freeze and ends after it: its last byte waits."""

    def __init__(self, ceph: Ceph, bucket: Bucket, key: str) -> None:
        words = {"Bucket": bucket.name, "Key": key}
        address = urlsplit(office(ceph, "old").generate_presigned_url("put_object", Params=words))
        assert address.hostname
        self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        self.connection.putrequest("PUT", f"{address.path}?{address.query}")
        self.connection.putheader("Content-Length", "8")
        self.connection.endheaders()
        self.connection.send(b"slow ha")
        time.sleep(0.3)

    def end(self) -> int:
        self.connection.send(b"n")
        return self.connection.getresponse().status


def test_an_upload_under_way_comes_over_when_it_ends_in_time(
    ceph: Ceph,
    way: ObjectsWay,  # noqa: F811
    conducted: Conducted,  # noqa: F811
) -> None:
    furnish(ceph, way.source, keys=1)
    forward(conducted, Phase.REHEARSED)
    slow = Slow(ceph, way.source, "chậm")
    answered: list[int] = []

    def end() -> None:
        while not fence.refuses(way.source):
            time.sleep(0.02)
        answered.append(slow.end())

    ending = threading.Thread(target=end)
    ending.start()
    conducted.to(Phase.FROZEN)
    ending.join()
    # Whatever the server told the user holds on the new side.
    assert ("chậm" in way.target.versions()) is (answered == [200])
    assert conducted.to(Phase.CUT_OVER).shut == ()


def test_an_upload_that_ends_too_late_shuts_the_gate_and_no_way_back_takes_it_away(
    ceph: Ceph,
    way: ObjectsWay,  # noqa: F811
    conducted: Conducted,  # noqa: F811
) -> None:
    furnish(ceph, way.source, keys=1)
    forward(conducted, Phase.REHEARSED)
    slow, slower = Slow(ceph, way.source, "chậm"), Slow(ceph, way.source, "chậm hơn")
    conducted.to(Phase.FROZEN)
    assert slow.end() == 200
    assert {one.gate for one in conducted.to(Phase.CUT_OVER).shut} == {"drained", "contents"}
    way.freeze()
    assert conducted.to(Phase.CUT_OVER).shut == ()
    assert slower.end() == 200
    assert [one.said for one in conducted.to(Phase.SOAKING).shut] == ["the old side took writes after it was shut"]
    with pytest.raises(ProvinceError, match="took writes after it was shut"):
        conducted.back()
    (late,) = way.source.versions()["chậm hơn"]
    way.source.remove(late)
    conducted.back()
    assert differing(manifest(way.source), manifest(way.target)) == ()


def test_many_freezes_lose_and_double_nothing(ceph: Ceph, way: ObjectsWay) -> None:  # noqa: F811
    sides = [(office(ceph, one), way.source.name) for one in ("old", "new")]
    way.provision()
    with Filer(*sides, pause_s=0) as one, Filer(*reversed(sides), pause_s=0) as other:
        for _ in range(FREEZES):
            one.wait_for(5)
            way.replicate()
            way.freeze()
            assert differing(manifest(way.source), manifest(way.target)) == ()
            way.cut_over()
            one.wait_for(5)
            way.roll_back()
    # Both file the same numbers: each stands twice, as each was acknowledged twice.
    both = set(one.acknowledged) & set(other.acknowledged)
    lost = [lost_and_doubled(filer, way.source)[0] for filer in (one, other)]
    assert lost == [[], []]
    held = sum(len(versions) for versions in way.source.versions().values())
    assert held == len(one.acknowledged) + len(other.acknowledged)
    assert both
