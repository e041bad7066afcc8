"""Incidents as a test needs them: at a fixed time, with no more than it looks at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from province.incident.entry import Closed, Gravity, Later, Layer, Noted, Notice, Opened, Sent
from province.incident.incident import Incident
from province.incident.store import Store

DETECTED = datetime(2026, 11, 26, 0, 30, tzinfo=UTC)
NOW = DETECTED + timedelta(hours=1)
HOURS = {Notice.FIRST: timedelta(hours=24), Notice.CAUSE: timedelta(hours=72)}
BY = "ops@desk"


def opening(
    id_: str = "incident-2026-0001",
    *,
    gravity: Gravity = Gravity.SERIOUS,
    layer: Layer = Layer.MONITORING,
    detected: datetime = DETECTED,
    hosts: tuple[str, ...] = ("phu-quoc-party",),
    what: str = "Nút biên trả lời từ địa chỉ lạ",
) -> Opened:
    return Opened(
        incident=id_,
        environment="production",
        time=detected + timedelta(hours=1),
        by=BY,
        gravity=gravity,
        layer=layer,
        what=what,
        hosts=hosts,
        detected=detected,
        reporter="Nguyễn Văn A",
        reason="Mất quyền điều khiển nút",
    )


def incident(opened: Opened, *later: Later) -> Incident:
    return Incident(opened, later, head="")


def note(text: str = "Đã ngắt nút", *, public: bool = False, gravity: Gravity | None = None) -> Noted:
    return Noted(time=NOW, by=BY, text=text, public=public, gravity=gravity)


def sent(notice: Notice, after: timedelta, *, detected: datetime = DETECTED) -> Sent:
    return Sent(time=detected + after, by=BY, notice=notice, sent=detected + after, reference="12/BC-SKHCN")


def closing() -> Closed:
    return Closed(time=NOW, by=BY, cause="Khóa bị lộ", remedy="Thay khóa, thay nút")


def opened_in(store: Store, now: datetime = NOW) -> Incident:
    return store.open(opening, now)


def file_of(root: Path, incident_: Incident) -> Path:
    return Store.holding(root, incident_.id).path(incident_.id)
