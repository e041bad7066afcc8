"""For a ministry's questionnaire: one row for each body of each commune, in Vietnamese, for office programs.

The whole province, whatever the environment runs. UTF-8 with a byte-order mark and lines ending in CR LF: without the
mark spreadsheets take Vietnamese letters for another encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

from province.exports.sources import Files, Row, Sources, table
from province.fleet.commune import BackupKind, Commune
from province.fleet.fact import Body
from province.fleet.fleet import Fleet
from province.fleet.system import EndKind, end_of

FILE = "duong-truyen-cap-xa.csv"
BYTE_ORDER_MARK = "\ufeff"
COLUMNS = (
    "STT",
    "Mã đơn vị",
    "Tên đơn vị",
    "Loại",
    "Tỉnh trước sáp nhập",
    "Huyện trước sáp nhập",
    "Hải đảo",
    "Vĩ độ",
    "Kinh độ",
    "Cơ quan",
    "Miền định tuyến",
    "Nút biên",
    "Băng thông TSLCD (Mbps)",
    "Nhà cung cấp TSLCD",
    "Số liệu TSLCD đã xác minh",
    "Số đường dự phòng",
    "Đường dự phòng",
    "Số hệ thống truy cập được",
    "Hệ thống truy cập được",
)
BACKUPS = {BackupKind.INTERNET: "Internet", BackupKind.CELLULAR: "di động 4G/5G", BackupKind.SATELLITE: "vệ tinh"}


def files(sources: Sources) -> Files:
    """The one table."""
    return {FILE: BYTE_ORDER_MARK + table(COLUMNS, _rows(sources.fleet), line_end="\r\n")}


def _rows(fleet: Fleet) -> Iterator[Row]:
    province = fleet.province
    systems = reachable_systems(fleet)
    for number, node in enumerate(fleet.nodes, start=1):
        commune, body = fleet.communes[node.commune or ""], node.body or Body.PEOPLE
        line = commune.lines.of(body)
        values = (
            number,
            commune.code,
            commune.name,
            commune.kind.value,
            commune.formerly.province,
            "; ".join(commune.formerly.districts),
            _yes(commune.location.island),
            commune.location.lat,
            commune.location.lon,
            province.bodies[body].name.vi,
            province.domains[province.bodies[body].routing_domain].name.vi,
            node.name,
            line.mbps,
            line.carrier,
            _yes(line.verified),
            len(commune.backups),
            "; ".join(_backups(commune)),
            len(systems),
            "; ".join(systems),
        )
        yield dict(zip(COLUMNS, values, strict=True))


def reachable_systems(fleet: Fleet) -> list[str]:
    """The systems that users in communes may reach, by name; the same for every body: no fact tells them apart."""
    zones = {zone.id for zone in fleet.province.commune_zones}
    return [
        system.name.vi
        for system in fleet.systems.values()
        if system.has_room
        and any((end := end_of(flow.origin)).kind is EndKind.ZONE and end.name in zones for flow in system.flows)
    ]


def _backups(commune: Commune) -> Iterator[str]:
    """In order of use; the capacity only where somebody has said it."""
    for backup in commune.backups:
        yield BACKUPS[backup.kind] + (f" {backup.mbps} Mbps" if backup.mbps else "")


def _yes(value: bool) -> str:
    return "Có" if value else "Không"
