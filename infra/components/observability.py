"""What is measured of a system's databases, when somebody must be told, and how it is shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pulumi
import yaml

from infra.cluster import Cluster
from infra.components.database import OF_DATABASE
from infra.components.system_namespace import NAMESPACE_OF_A_NAME, SystemNamespace
from infra.marks import marks_of, vocabulary
from infra.objects import Kind, Objects
from province.fleet.fleet import Fleet
from province.fleet.rooms import MONITORING
from province.fleet.site import Provided
from province.fleet.system import System
from province.fleet.tier import Tier

METRICS_PORT = 9187
"""Where CloudNativePG's servers tell their figures."""

MINUTE_S = 60
DAY_S = 86_400
COPIES_EVERY_S = DAY_S
"""How often a copy of everything is made (infra.components.backup_plan)."""


class Observability(pulumi.ComponentResource):
    """For whoever collects figures: where to ask, which rules raise an alarm, and what to draw.

    The limits of the rules are what the system's tier promises. The files stand in a ConfigMap of the system's room,
    under the label by which the part `monitoring` finds them; the door to the figures is open to that part alone.
    """

    def __init__(self, databases: Sequence[str], *, room: SystemNamespace, fleet: Fleet) -> None:
        system = room.system
        parent = pulumi.ResourceOptions(parent=room.namespace)
        super().__init__("province:systems:Observability", f"{system.id}/observability", None, parent)
        objects = Objects(system.id, marks_of(system, fleet), self)
        tier = fleet.tiers[system.tier]
        data = {
            "scrape.yml": _text({"scrape_configs": [_scrape(system, databases)]}),
            "rules.yml": _text({"groups": [{"name": system.id, "rules": _rules(system, tier)}]}),
            "dashboard.json": json.dumps(_dashboard(system), indent=2, ensure_ascii=False, sort_keys=True),
        }
        found_by = {vocabulary(fleet).key("observability"): "true"}
        objects.make(Kind.CONFIG_MAP, "observability", {"data": data}, labels=found_by)
        objects.make(Kind.NETWORK_POLICY, "figures-from-monitoring", {"spec": _door(databases)})
        self.register_outputs({})


def is_observed(databases: Sequence[str], cluster: Cluster) -> bool:
    """Whether something of a system tells figures here, and somebody collects them."""
    return bool(databases) and cluster.offers(Provided.MONITORING)


def _text(document: object) -> str:
    text: str = yaml.safe_dump(document, sort_keys=True, allow_unicode=True)
    return text


def _scrape(system: System, databases: Sequence[str]) -> dict[str, Any]:
    label = "__meta_kubernetes_pod_label_" + OF_DATABASE.replace(".", "_").replace("/", "_")
    return {
        "job_name": f"{system.id}-databases",
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [system.id]}}],
        "relabel_configs": [
            {"source_labels": [label], "regex": "|".join(databases), "action": "keep"},
            {
                "source_labels": ["__meta_kubernetes_pod_container_port_number"],
                "regex": str(METRICS_PORT),
                "action": "keep",
            },
            {"source_labels": [label], "target_label": "database"},
        ],
    }


def _rules(system: System, tier: Tier) -> list[dict[str, Any]]:
    """A server that is away longer than a third of the RTO leaves two thirds to mend it."""
    of_system = f'namespace="{system.id}"'
    labels = {"system": system.id, "owner": system.owner, "tier": tier.id.value}
    rules = []
    if tier.rto_minutes is not None:
        rules.append(
            {
                "alert": "DatabaseIsAway",
                "expr": f"sum by (database) (cnpg_collector_up{{{of_system}}}) == 0",
                "for": f"{max(tier.rto_minutes // 3, 1)}m",
                "labels": labels,
            }
        )
    if tier.rpo_minutes is not None:
        age = f"time() - cnpg_collector_last_available_backup_timestamp{{{of_system}}}"
        rules.append({"alert": "DatabaseHasNoFreshCopy", "expr": f"{age} > {COPIES_EVERY_S + DAY_S}", "labels": labels})
        behind = f"max by (database) (cnpg_pg_replication_lag{{{of_system}}})"
        rules.append(
            {
                "alert": "DatabaseFollowsTooLate",
                "expr": f"{behind} > {tier.rpo_minutes * MINUTE_S}",
                "labels": labels,
            }
        )
    return rules


def _dashboard(system: System) -> dict[str, Any]:
    queries = {
        "Servers that answer": f'sum by (database) (cnpg_collector_up{{namespace="{system.id}"}})',
        "Seconds behind": f'max by (database) (cnpg_pg_replication_lag{{namespace="{system.id}"}})',
        "Connections": f'sum by (database) (cnpg_backends_total{{namespace="{system.id}"}})',
    }
    panels = [
        {
            "id": number,
            "title": title,
            "type": "timeseries",
            "gridPos": {"x": 0, "y": 8 * number, "w": 24, "h": 8},
            "targets": [{"expr": query, "refId": "A"}],
        }
        for number, (title, query) in enumerate(queries.items())
    ]
    return {"title": system.name.vi, "uid": system.id, "tags": [system.owner], "panels": panels, "schemaVersion": 39}


def _door(databases: Sequence[str]) -> dict[str, Any]:
    collector = {"namespaceSelector": {"matchLabels": {NAMESPACE_OF_A_NAME: MONITORING}}}
    servers = {"matchExpressions": [{"key": OF_DATABASE, "operator": "In", "values": list(databases)}]}
    way = {"from": [collector], "ports": [{"protocol": "TCP", "port": METRICS_PORT}]}
    return {"podSelector": servers, "policyTypes": ["Ingress"], "ingress": [way]}
