"""The kiosk of the counter before the real queue: what it accepted arrives at both sites once, and it never pretends.

`tools/consumers` installs Debian's servers. Configuration and programs are those that hosts get.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from province.fleet.load import load_fleet
from province.pki import authority

from .counter_desk import Desk, desk_of, dossiers
from .relay_clients import NODE, cut, kept, last, mend, until
from .relay_servers import Relays, at_work

HUBS = ("rach-gia-services-1", "long-xuyen-services-1")
HANDED_IN = 50
SCAN = bytes(range(256)) * 40
NAME = "Nguyễn Thị Hương"

pytestmark = pytest.mark.proves(12, 101)


@pytest.fixture
def relays(tmp_path: Path) -> Iterator[Relays]:
    """The lab's fleet, with a quota of 60 documents for the kiosk and files of one megabyte."""
    fleet = load_fleet("lab")
    province = fleet.province
    relay = province.relay.model_copy(update={"subject_messages": HANDED_IN + 10})
    counter = province.counter.model_copy(update={"files_mb": 1})
    fleet = dataclasses.replace(fleet, province=province.model_copy(update={"relay": relay, "counter": counter}))
    with at_work(Relays(fleet, tmp_path, authority.make("made by a test", datetime.now(UTC)))) as made:
        yield made


def reachable(desk: Desk) -> bool:
    return bool(json.loads(desk.ask("GET", "/trang-thai")[1])["reachable"])


def test_what_is_handed_in_during_a_cut_arrives_at_both_sites_once(relays: Relays) -> None:
    """50 dossiers with a scan; the line is down, and the node loses its power amid them. People send what they sent."""
    hubs = [relays.hub(name, "government") for name in HUBS]
    node = relays.node(NODE, *hubs)
    cut(relays)
    for one in (*hubs, node):
        one.start(streams=one is node)
    with desk_of(relays, node) as desk:
        desk.start()
        assert "Hiện chưa kết nối được với tỉnh" in desk.ask("GET", "/")[1]
        numbers = [desk.number()] + [f"{number:032x}" for number in range(1, HANDED_IN)]
        for place, number in enumerate(numbers[:30]):
            status, shown = desk.hand_in(number, f"{NAME} {place}", SCAN)
            assert status == 200, shown
            assert "Đã nhận hồ sơ" in shown
            assert f"{number[:4]}-{number[4:8]}".upper() in shown
        node.kill()
        desk.kill()
        node.start()
        desk.start()
        # Who saw no receipt, or does not trust it, sends the same form again.
        for place, number in enumerate(numbers):
            if place >= 25:
                assert desk.hand_in(number, f"{NAME} {place}", SCAN)[0] == 200
        assert kept(node) == HANDED_IN
        mend(relays, node, hubs)
        for hub in hubs:
            assert hub.verb("streams").returncode == 0
        took = until(lambda: all(last(hub) >= HANDED_IN for hub in hubs), "both sites have everything")
        print(f"{HANDED_IN} dossiers at both sites {took:.1f} s after the line was back")
        for hub in hubs:
            found = dossiers(hub, HANDED_IN)
            assert [one["number"] for one in found] == numbers
            assert [one["name"] for one in found] == [f"{NAME} {place}" for place in range(HANDED_IN)]
            assert all(base64.b64decode(one["files"][0]["content"]) == SCAN for one in found)
            assert last(hub) == HANDED_IN
        until(lambda: reachable(desk), "the kiosk knows that the province is there", 30)
        assert "Đang kết nối với tỉnh" in desk.ask("GET", "/")[1]
        assert NAME not in desk.log
        assert "Khai sinh" not in desk.log
        for process in desk.running:
            status_text = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
            (resident,) = [int(line.split()[1]) / 1000 for line in status_text.splitlines() if line.startswith("VmRSS")]
            print(f"{Path(str(process.args[0])).name}: {resident:.0f} MB resident")  # type: ignore[index]


def test_what_was_not_kept_is_not_called_accepted(relays: Relays) -> None:
    """Something is missing, is too large, the quota is full, the queue is off, the kiosk is off: every page says so."""
    node = relays.node(NODE)
    node.start()
    with desk_of(relays, node) as desk:
        desk.start()
        status, shown = desk.hand_in("0" * 32, "", text="<script>alert(1)</script>")
        assert (status, "Xin điền: Họ và tên." in shown, "<script>" in shown) == (400, True, False)
        assert desk.hand_in("not-a-number", NAME)[0] == 400
        status, shown = desk.hand_in("1" * 32, NAME, b"." * 1_000_001)
        assert (status, "Hồ sơ chưa được nhận" in shown, NAME in shown) == (413, True, True)
        status, shown = desk.hand_in("1" * 32, NAME, b"." * 9_000_000)
        assert (status, "Hồ sơ chưa được nhận" in shown) == (413, True)
        assert kept(node) == 0
        assert desk.hand_in("2" * 32, NAME, b"\r\n--" * 200_000)[0] == 200
        memory = Path(f"/proc/{desk.running[0].pid}/status").read_text(encoding="utf-8")
        (peak,) = [int(line.split()[1]) / 1000 for line in memory.splitlines() if line.startswith("VmHWM")]
        print(f"kiosk: {peak:.0f} MB at most, with one megabyte of a file")
        assert peak < 64
        for number in range(HANDED_IN + 9):
            assert desk.hand_in(f"{number:032x}", NAME)[0] == 200
        status, shown = desk.hand_in("f" * 32, NAME)
        assert (status, "CHƯA được nhận" in shown, "f" * 32 in shown) == (503, True, True)
        node.kill()
        assert desk.hand_in("e" * 32, NAME)[0] == 503
        desk.running[0].kill()
        status, shown = desk.ask("GET", "/")
        assert (status, "Hồ sơ chưa được nhận" in shown) == (502, True)
        assert NAME not in desk.log
