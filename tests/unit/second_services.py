"""What the second province declares of the services on its nodes; `second_province` holds the rest."""

from __future__ import annotations

from typing import Any


def _window() -> dict[str, Any]:
    return {"days": ["mon"], "begins": "20:00", "ends": "22:00", "source": "A"}


def services() -> dict[str, Any]:
    """The keys of its province.yml that are about services."""
    return {
        "logs": {
            "hours": 48,
            "host_mb_a_day": 20,
            "margin": 1,
            "memory_lines": 50,
            "written_every": 5,
            "patience_ms": 100,
            "source": "A",
        },
        "relay": {
            "hours": 72,
            "node_mb_a_day": 40,
            "margin": 2,
            "message_mb": 4,
            "subjects": ["documents"],
            "subject_messages": 500,
            "repeat_minutes": 60,
            "hub_days": 7,
            "release_every": "2min",
            "domains": {
                "government": {"uid": 820, "client_port": 4222, "hub_port": 7422, "cluster_port": 6222},
                "party": {"uid": 821, "client_port": 4223, "hub_port": 7423, "cluster_port": 6223},
            },
            "source": "A",
        },
        "sensors": {
            "domain": "government",
            "zone": "users",
            "topic": "sensors",
            "port": 8883,
            "local_port": 8882,
            "hours": 24,
            "every_s": 600,
            "message_bytes": 512,
            "margin": 1,
            "reader_messages": 1000,
            "source": "A",
        },
        "video": {
            "zone": "users",
            "room_endpoints": 2,
            "endpoint_allocations": 4,
            "profiles": [{"id": "plain", "name": {"vi": "Plain", "en": "Plain"}, "above_mbps": 0, "kbps": 1000}],
            "first_port": 49152,
            "last_port": 50175,
            "door_port": 8410,
            "uid": 840,
            "credential_minutes": 60,
            "try_minutes": 30,
            "try_seconds": 1,
            "most_lost": 2,
            "most_delay_ms": 200,
            "source": "A",
        },
        "counter": {
            "domain": "government",
            "zone": "users",
            "port": 443,
            "subject": "documents",
            "files_mb": 2,
            "uid": 850,
            "door_uid": 851,
            "source": "A",
        },
        "copies": {
            "every_hours": 12,
            "oldest_hours": 30,
            "days": {"state": 30, "queue": 4},
            "node_mb": 500,
            "port": 8444,
            "store_uid": 830,
            "door_uid": 831,
            "source": "A",
        },
        "pull": {
            "every_minutes": 30,
            "silent_hours": 12,
            "valid_days": 7,
            "step_hours": 2,
            "confirm_minutes": 10,
            "source": "A",
        },
        "updates": {
            "rings": [{"id": one, "after_days": 0} for one in ("canary", "early", "rest", "islands", "sites")],
            "most_days": 30,
            "valid_days": 30,
            "month_mb": 100,
            "reboot_for": [],
            "never_restarted": [],
            "cache_port": 3142,
            "cache_uid": 860,
            "cache_mb": 1000,
            "reboots": [{"classes": ["edge", "gateway", "control-plane"], "windows": [_window()]}],
            "source": "A",
        },
    }
