"""A small synthetic province: nine communes, two sites, one system. It shares no file with the real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from province.fleet.commune import slugify
from province.fleet.register import Registers

from .second_services import services

COMMUNES = [
    ("10001", "Phường Cửa Đông", "phường", False),
    ("10002", "Phường Cửa Tây", "phường", False),
    ("10003", "Xã Đồng Lúa", "xã", False),
    ("10004", "Xã Đồng Muối", "xã", False),
    ("10005", "Xã Sông Cái", "xã", False),
    ("10006", "Xã Sông Con", "xã", False),
    ("10007", "Xã Núi Đá", "xã", False),
    ("10008", "Xã Hòn Xa", "xã", True),
    ("10009", "Đặc khu Hòn Lớn", "đặc khu", True),
]


def write(root: Path) -> Path:
    """Write the province below `root` and return the inventories' folder."""
    inventories = root / "inventories"
    for path, content in _files().items():
        target = inventories / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return inventories


def _names(text: str) -> dict[str, str]:
    return {"vi": text, "en": text}


def _files() -> dict[str, Any]:
    line = {"mbps": 50, "source": "A"}
    files: dict[str, Any] = {
        f"fleet/communes/{code}-{slugify(name)}.yml": {
            "code": code,
            "name": name,
            "kind": kind,
            "formerly": {"province": "Cũ", "districts": ["H. Cũ"]},
            "location": {"lat": 20.0, "lon": 106.0, "island": island},
            "lines": {"party": line, "people": line},
        }
        for code, name, kind, island in COMMUNES
    }
    files["fleet/province.yml"] = _province()
    files["fleet/sources.yml"] = [{"id": "A", "title": "Assumption", "kind": "assumption"}]
    files["fleet/owners.yml"] = [
        {"id": "office", "name": _names("Office"), "contact": None, "verified": False, "source": "A"}
    ]
    files["fleet/features.yml"] = [{"id": 1, "name": _names("Records"), "seeds": ["A"], "kinds": ["NS"]}]
    files["fleet/controls.yml"] = []
    files["fleet/endpoints.yml"] = []
    files["fleet/tiers.yml"] = [_tier()]
    files["fleet/assumptions.yml"] = _assumptions()
    files["fleet/systems/archive.yml"] = _system()
    for name in Registers.model_fields:
        files[f"fleet/registers/{name.replace('_', '-')}.yml"] = {"rows": []}
    scopes = ["province", *(code for code, *_ in COMMUNES)]
    files["fleet/registers/incident-contacts.yml"] = {"rows": [{"scope": scope} for scope in scopes]}
    for site, purpose in (("east", "primary"), ("west", "recovery")):
        files[f"fleet/sites/{site}.yml"] = _site(purpose)
    return files


def _province() -> dict[str, Any]:
    zone = {"ipv4_prefix": 28, "name": _names("Zone")}
    return {
        "id": "second",
        "code": "02",
        "name": _names("Second"),
        "domain": "second.example",
        "framework": "none",
        "units": {"xã": 6, "phường": 2, "đặc khu": 1},
        "bodies": {
            "party": {"name": _names("Party"), "routing_domain": "party"},
            "people": {"name": _names("People"), "routing_domain": "government"},
        },
        "evidence": {"retention": {"routine": 13}, "stale_after_hours": 26, "source": "A"},
        "utilisation_limit": 90,
        "utilisation_source": "A",
        "commune_zones": [{"id": "users", "vlan": 2, **zone}, {"id": "management", "vlan": 3, **zone}],
        "zone_port": {"device": "lan", "source": "A"},
        "traffic": {"thin_mbps": 10, "arrival": 95, "source": "A", "classes": [_traffic_class()]},
        "site_zones": [{"id": zone, "name": _names(zone)} for zone in ("internal", "servers", "management")],
        "management_zone": "management",
        "roles": {
            "gateway": {"zones": ["internal", "management"], "underlays": ["wan"], "forwards": True},
            "control-plane": {"zones": ["servers", "management"]},
        },
        "edge_paths": [{"id": "wan", "name": _names("Leased line"), "arrives": "wan", "mtu": 1500}],
        "domains": {
            "government": {"name": _names("Government"), "tag": "gov"},
            "party": {"name": _names("Party"), "tag": "party"},
        },
        "routing": {
            "core_asn": 4200000000,
            "site_asn": 4200000001,
            "node_asn": 4200001000,
            "first_tunnel_port": 51820,
            "watches": {"fast": {"echo_ms": 300, "missed": 3}, "calm": {"echo_ms": 3000, "missed": 3}},
            "source": "A",
        },
        "addressing": {
            "documentation": True,
            "review": {"reviewed_on": "2026-11-01", "allocated_by": "test"},
            "bodies": {
                "government": {"ipv4": "10.1.0.0/20", "ipv6": "2001:db8:a::/48"},
                "party": {"ipv4": "10.2.0.0/20", "ipv6": "2001:db8:b::/48"},
            },
            "body_prefix": {"ipv4": 24, "ipv6": 56},
            "underlays": {"wan": {"ipv4": "10.3.0.0/20", "ipv6": "2001:db8:c::/64"}},
            "underlay_reserved": 64,
            "sites": {"ipv4": "10.4.0.0/16", "ipv6": "2001:db8:d00::/40"},
            "tunnels": {"ipv4": "10.5.0.0/16", "ipv6": "2001:db8:e::/48"},
            "tunnel_prefix": {"ipv4": 24, "ipv6": 64},
            "tunnel_reserved": 16,
            "gateways_per_site": 4,
            "site_prefix": {"ipv4": 20, "ipv6": 48},
            "site_zone_ipv4": 24,
            "role_stride": 16,
        },
        "clock": {"maximum_offset_ms": 100, "maximum_silence_minutes": 20, "least_sources": 3, "source": "A"},
        "monitoring": {
            "every_s": 30,
            "facts_s": 300,
            "silent_s": 90,
            "kept_days": 90,
            "certificate_days": 7,
            "source": "A",
        },
        **services(),
        "rollout": {
            "stages": [{"id": "canary", "nodes": 1}, {"id": "early", "percent": 10}],
            "soak_seconds": 0,
            "failed_budget": 0,
            "unreachable_budget": 10,
            "source": "A",
        },
    }


def _traffic_class() -> dict[str, Any]:
    return {"id": "all", "name": _names("All"), "dscp": "cs0", "share": 100, "thin_share": 100, "queue_ms": 100}


def _tier() -> dict[str, Any]:
    return {
        "id": "C",
        "name": _names("Can wait"),
        "rpo_minutes": 1440,
        "rto_minutes": 1440,
        "backup_days": 14,
        "placement": ["primary"],
        "priority": 100,
        "quota": {"cpu_cores": 2, "memory_gib": 4, "pods": 10, "storage_gib": 10},
        "containers": {
            "default_cpu_millicores": 100,
            "default_memory_mib": 128,
            "default_scratch_mib": 100,
            "max_cpu_millicores": 1000,
            "max_memory_mib": 1024,
            "max_scratch_mib": 1000,
        },
        "source": "A",
    }


def _assumptions() -> dict[str, Any]:
    share = {"cpu_millicores": 100, "memory_mib": 128, "reason": "as elsewhere", "source": "A"}
    return {"scope": "second", "nodes": {"every": share, "control_plane": share}}


def _system() -> dict[str, Any]:
    return {
        "name": _names("Archive"),
        "owner": "office",
        "tier": "C",
        "level": 3,
        "data": "internal",
        "pillar": "government",
        "exposure": "none",
        "state": "declared",
        "features": [1],
        "components": {"web": {"image": None, "port": 8080}},
    }


def _site(purpose: str) -> dict[str, Any]:
    return {
        "name": _names(purpose),
        "purpose": purpose,
        "uplinks": [
            {"id": f"up-{route}", "provider": "Carrier", "route": route, "gbps": 1, "source": "A"}
            for route in ("north", "south")
        ],
        "hosts": {"gateway": {"count": 2, "source": "A"}, "control-plane": {"count": 1, "source": "A"}},
        "cluster": {
            "kubernetes": "1.36.3",
            "api": {"number": 2, "port": 8443},
            "pods": "10.64.0.0/16",
            "services": "10.65.0.0/16",
            "pods_v6": "fd00:64::/56",
            "services_v6": "fd00:65::/108",
            "network_engine": "bridge",
            "snapshots": {"calendar": "hourly", "kept": 24},
            "renew_before_days": 60,
        },
    }
