"""Every room that joins meetings: its line, its profile, its relays, and what stands in it; for office programs.

In Vietnamese, as `questionnaire` is. The whole province, whatever the environment runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from province.exports.questionnaire import BYTE_ORDER_MARK
from province.exports.sources import Files, Sources, table
from province.fleet.fact import Body
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.meeting_rooms import EndpointKind, MeetingRoom
from province.fleet.site import Duty
from province.fleet.video import leased_mbps, relay_ports

FILE = "phong-hop-truc-tuyen.csv"
COLUMNS = (
    "STT",
    "Điểm cầu",
    "Cơ quan",
    "Nút biên",
    "Mạng phòng họp",
    "Băng thông TSLCD (Mbps)",
    "Cấu hình",
    "Tốc độ (kbit/s)",
    "Máy chuyển tiếp",
    "Phòng",
    "Thiết bị",
    "Số thiết bị",
    "Số chỗ",
    "Đã xác minh",
)
KINDS = {EndpointKind.CODEC: "thiết bị chuyên dụng", EndpointKind.COMPUTER: "máy tính"}


def files(sources: Sources) -> Files:
    """The one table."""
    rows = (dict(zip(COLUMNS, (number, *values), strict=True)) for number, values in enumerate(_rows(sources.fleet), 1))
    return {FILE: BYTE_ORDER_MARK + table(COLUMNS, rows, line_end="\r\n")}


def _rows(fleet: Fleet) -> Iterator[tuple[object, ...]]:
    """One for each room; for a body of which nobody has told a room, one that says what its line is ready for."""
    relays = "; ".join(_relays(fleet))
    for node in fleet.nodes:
        commune, body = node.commune or "", node.body or Body.PEOPLE
        before = (fleet.communes[commune].name, fleet.province.bodies[body].name.vi, node.name, *_line(fleet, node))
        told: list[MeetingRoom | None] = [
            one for one in fleet.registers.meeting_rooms.rows if (one.commune, one.body) == (commune, body)
        ]
        for room in told or [None]:
            yield (*before, relays, *_told(room))


def _line(fleet: Fleet, node: Host) -> tuple[object, ...]:
    video = fleet.province.video
    mbps = leased_mbps(node)
    profile = video.profile(mbps or 1)
    networks = [node.interface(video.zone).address.ipv4.network, node.interface(video.zone).address.ipv6.network]
    return "; ".join(map(str, networks)), mbps, profile.name.vi, profile.kbps


def _relays(fleet: Fleet) -> Iterator[str]:
    ports = relay_ports(fleet)
    for host in fleet.hosts.values():
        if Duty.VIDEO in host.duties and ports:
            yield f"{host.fqdn}:{ports['udp']}"


def _told(room: MeetingRoom | None) -> tuple[object, ...]:
    if room is None:
        return "", "", "", "", ""
    return room.id, KINDS[room.kind], room.endpoints, room.seats, "Có" if room.verified else "Chưa"
