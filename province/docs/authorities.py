"""What authorities ask for: the register of private data, and the data of the dossier that proposes levels.

Both say what the model knows and name what it does not. Decree 331/2026 sets the levels; private data is what
`DataClass` calls personal or sensitive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from province.docs.flow_rows import FlowRow, touching
from province.docs.page import code, listed, page, table
from province.fleet.system import ComponentKind, DataClass, EndKind, State, System

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet

PRIVATE = (DataClass.SENSITIVE, DataClass.PERSONAL)
KEEPS = frozenset(ComponentKind) - {ComponentKind.WORKLOAD, ComponentKind.CACHE, ComponentKind.HOSTS}
"""What data lies in; a workload with a volume of its own keeps some, too."""

NOT_DECLARED = (
    "Not in the model, so not here: the purpose by law, the legal basis, how many people are concerned, how long "
    "records are kept by the law on archives, who has consented. The owner of each system adds them."
)


def data_protection_page(fleet: Fleet, rows: tuple[FlowRow, ...]) -> str:
    """Every system with private data: who answers, where the data lies, who asks for it, whom it asks."""
    shown = [one for kind in PRIVATE for one in _systems(fleet) if one.data is kind]
    columns = (
        "system / hệ thống",
        "data / dữ liệu",
        "who answers / chủ quản",
        "lies in / nơi lưu",
        "copies / bản sao lưu",
        "asked by / bên truy cập",
        "asks / bên được hỏi",
    )
    said = f"{len(shown)} of {len(list(_systems(fleet)))} systems hold private data, the most delicate first."
    return page(
        "Data-protection register (sổ đăng ký bảo vệ dữ liệu cá nhân)",
        [said, NOT_DECLARED],
        table(columns, (_private(fleet, one, rows) for one in shown)),
    )


def level_page(fleet: Fleet, rows: tuple[FlowRow, ...]) -> str:
    """What a dossier says of each system: level and why, whose data, from where it is reached, what it rests on."""
    shown = sorted(_systems(fleet), key=lambda one: (-one.level, one.id))
    columns = (
        "system / hệ thống",
        "who answers / chủ quản",
        "level / cấp độ",
        "because / căn cứ",
        "reached from / truy cập từ",
        "runs at / đặt tại",
        "flows in, out / luồng vào, ra",
        "serves / chức năng",
    )
    said = (
        "Levels by Decree 331/2026; below 3 a reason stands beside it. What protects every system of a level is the "
        f"list of {len(fleet.controls)} controls (inventories/fleet/controls.yml), and what was seen of each of them "
        "on each host is in the evidence: `province report`. A dossier is signed by the owner; this is its data alone."
    )
    return page(
        "Level dossier (hồ sơ đề xuất cấp độ): the data",
        [said],
        table(columns, (_level(fleet, one, rows) for one in shown)),
    )


def _systems(fleet: Fleet) -> Iterator[System]:
    return (one for one in fleet.systems.values() if one.state is not State.RETIRED)


def _private(fleet: Fleet, system: System, rows: tuple[FlowRow, ...]) -> tuple[object, ...]:
    copies = fleet.tiers[system.tier].backup_days
    kept = [name for name, one in system.components.items() if one.kind in KEEPS or one.storage_gib]
    return (
        _named(system),
        system.data.value,
        _owner(fleet, system),
        ", ".join(kept) or "nothing of its own",
        f"{copies} days" if copies else "none",
        listed(_others(system, rows, outward=False)),
        listed(_others(system, rows, outward=True)),
    )


def _level(fleet: Fleet, system: System, rows: tuple[FlowRow, ...]) -> tuple[object, ...]:
    crossing = [row for row in touching(rows, system.id) if row.crosses]
    out = sum(row.origin.name == system.id for row in crossing)
    zones = sorted({row.origin.name for row in crossing if row.origin.kind is EndKind.ZONE})
    because = [system.level_reason or "serves bodies of the province", f"{system.data.value} data"]
    because += ["connected to Project 06"] if system.project06 else []
    return (
        _named(system),
        _owner(fleet, system),
        system.level,
        "; ".join(because),
        listed(zones) or "other systems only",
        ", ".join(purpose.value for purpose in system.placed_in(fleet.tiers)),
        f"{len(crossing) - out}, {out}",
        listed(fleet.features[row].name.vi for row in system.features),
    )


def _named(system: System) -> str:
    return f"{code(system.id)}<br/>{system.name.vi}"


def _owner(fleet: Fleet, system: System) -> str:
    owner = fleet.owners[system.owner]
    return f"{owner.name.vi}{'' if owner.verified else ' (chưa xác nhận)'}"


def _others(system: System, rows: Iterable[FlowRow], *, outward: bool) -> list[str]:
    """The neighbours outside of the system that it asks, or that ask it; each once. Data may go both ways."""
    found: dict[str, None] = {}
    for row in touching(tuple(rows), system.id):
        ours, other = (row.origin, row.target) if outward else (row.target, row.origin)
        if row.crosses and ours.kind is EndKind.SYSTEM and ours.name == system.id:
            found[other.name if other.kind is EndKind.SYSTEM else other.text] = None
    return list(found)
