"""For Grafana: one dashboard of the province and one for each pillar, to be provisioned from files.

They draw what watchers collect (docs/adr/0025, docs/adr/0031) and nothing else. A data source is chosen in the page.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from province.exports.sources import Files, Sources, origin
from province.fleet.exposed import exposed_names
from province.fleet.fleet import Fleet
from province.fleet.objective import WINDOW_DAYS, Objective
from province.fleet.system import Pillar, System

SCHEMA = 39
"""Version of the format that Grafana 10 and 11 write."""

WIDTH = 24
HEIGHT = 7
SOURCE = {"type": "prometheus", "uid": "${source}"}
PARTS_MS = 1000

Panel = dict[str, Any]


def files(sources: Sources) -> Files:
    """The dashboards by the name of their file; a pillar of which users reach nothing has none."""
    fleet = sources.fleet
    made = {"province.json": _dashboard(fleet, "province", fleet.province.name.vi, _province(fleet))}
    for pillar in Pillar:
        shown = [one for one in fleet.systems.values() if one.pillar is pillar and _is_shown(fleet, one)]
        if shown:
            title = f"{fleet.province.name.vi}: {pillar.value}"
            made[f"{pillar.value}.json"] = _dashboard(fleet, pillar.value, title, _pillar(fleet, shown))
    return {name: json.dumps(text, ensure_ascii=False, indent=1) + "\n" for name, text in made.items()}


def expressions(dashboard: dict[str, Any]) -> Iterator[str]:
    """Every question that a dashboard asks of Prometheus."""
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def _is_shown(fleet: Fleet, system: System) -> bool:
    return system.has_room and bool(exposed_names(system, fleet.province.domain))


def _province(fleet: Fleet) -> Iterator[Panel]:
    day = 86_400
    yield _panel("Máy không trả lời · hosts that do not answer", 'count(up{host!=""} == 0) or vector(0)', kind="stat")
    yield _panel(
        "Xã đi đường dự phòng · nodes that send by a backup",
        "count(province_path_in_use > 0) or vector(0)",
        kind="stat",
    )
    yield _panel("Cảnh báo · alerts", 'count by (alertname, severity) (ALERTS{alertstate="firing"})', "{{alertname}}")
    yield _panel("Xã im lặng · silent communes", 'max by (commune) (up{commune!=""}) == 0', "{{commune}}")
    yield _panel(
        "Chứng thư hết hạn, ngày · days to the end of the first certificates",
        f"bottomk(10, (province_certificate_ends_seconds - time()) / {day})",
        "{{host}}",
    )
    yield _panel(
        "Hàng đợi số đo · queues of measurements", "topk(10, province_sensor_queue_bytes)", "{{host}}", "bytes"
    )
    yield _panel("Hàng đợi nhật ký · queues to the log host", "topk(10, province_log_queue_bytes)", "{{host}}", "bytes")
    yield _panel(
        "Đĩa còn trống · free disk, the least",
        'bottomk(10, node_filesystem_avail_bytes{mountpoint="/"} / node_filesystem_size_bytes{mountpoint="/"})',
        "{{host}}",
        "percentunit",
    )
    for pillar in Pillar:
        names = "|".join(one.id for one in fleet.systems.values() if one.pillar is pillar and _is_shown(fleet, one))
        if names:
            yield _panel(
                f"{pillar.value}: phần yêu cầu lỗi · part of requests that fail",
                f'system:failed:ratio1h{{system=~"{names}"}}',
                "{{system}} {{site}}",
                "percentunit",
            )


def _pillar(fleet: Fleet, systems: Iterable[System]) -> Iterator[Panel]:
    for system in systems:
        this = f'{{system="{system.id}"}}'
        name = system.name.vi
        rate = f'rate(province_entrance_requests_total{{system="{system.id}"}}[5m])'
        yield _panel(f"{name}: yêu cầu/giây · requests a second", f"sum by (class) ({rate})", "{{class}}", "reqps")
        promised = system.objective_in(fleet.tiers)
        buckets = f'rate(province_entrance_answer_seconds_bucket{{system="{system.id}"}}[5m])'
        quick = promised.quick_ms / PARTS_MS if promised else None
        yield _panel(
            f"{name}: trả lời trong · 95 % of answers within",
            f"histogram_quantile(0.95, sum by (le) ({buckets}))",
            "p95",
            "s",
            line=quick,
        )
        if promised:
            yield from _promise(name, this, promised)


def _promise(name: str, this: str, promised: Objective) -> Iterator[Panel]:
    """How fast the budgets are used up: 1 lasts exactly for the window."""
    for what, budget in (("failed", promised.failed_budget), ("slow", promised.slow_budget)):
        yield _panel(
            f"{name}: tốc độ dùng hết cam kết · {what}, times as fast as {WINDOW_DAYS} days bear",
            f"system:{what}:ratio6h{this} / {budget:g}",
            "{{site}}",
            line=1,
        )


def _panel(
    title: str, expr: str, legend: str = "", unit: str = "short", *, kind: str = "timeseries", line: float | None = None
) -> Panel:
    """One picture; `line` is drawn where a promise ends."""
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    steps += [{"color": "red", "value": line}] if line is not None else []
    defaults: dict[str, Any] = {"unit": unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if line is not None:
        defaults["custom"] = {"thresholdsStyle": {"mode": "line"}}
    return {
        "title": title,
        "type": kind,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [{"refId": "A", "expr": expr, "legendFormat": legend, "datasource": SOURCE}],
    }


def _dashboard(fleet: Fleet, uid: str, title: str, panels: Iterable[Panel]) -> dict[str, Any]:
    half = WIDTH // 2
    placed = [
        {
            **panel,
            "id": number + 1,
            "gridPos": {"x": number % 2 * half, "y": number // 2 * HEIGHT, "w": half, "h": HEIGHT},
        }
        for number, panel in enumerate(panels)
    ]
    choice = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    return {
        "uid": f"{fleet.province.id}-{uid}",
        "title": title,
        "description": origin(fleet, "grafana"),
        "tags": [fleet.environment.id],
        "schemaVersion": SCHEMA,
        "editable": False,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "templating": {"list": [choice]},
        "panels": placed,
    }
