"""Rules about what a tier promises its systems: they stay up while hosts are tended, and they can come back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.policy.ground import Ground
from infra.policy.record import Declared, of_kind
from infra.policy.rule import Fault, Rule

MAKERS = ("Deployment", "StatefulSet")
DATABASES = "postgresql.cnpg.io/"


def _budgeted(objects: Sequence[Declared], _ground: Ground) -> Iterator[Fault]:
    budgets = list(of_kind(objects, "PodDisruptionBudget"))
    for one in (maker for kind in MAKERS for maker in of_kind(objects, kind)):
        if int(one.spec.get("replicas") or 1) < 2:
            continue
        labels = one.spec.get("template", {}).get("metadata", {}).get("labels") or {}
        here = (budget for budget in budgets if budget.namespace == one.namespace)
        if not any(_selects(budget.spec, labels) for budget in here):
            yield Fault(one, "no disruption budget keeps one of its pods", "declare a PodDisruptionBudget for its pods")


def _selects(spec: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    return bool(wanted) and wanted.items() <= labels.items()


def _copied(objects: Sequence[Declared], ground: Ground) -> Iterator[Fault]:
    rooms = {one.name: one for one in of_kind(objects, "Namespace")}
    scheduled = {
        (one.namespace, (one.spec.get("cluster") or {}).get("name")) for one in of_kind(objects, "ScheduledBackup")
    }
    for one in of_kind(objects, "Cluster"):
        room = rooms.get(one.namespace)
        tier = room.labels.get(ground.words.key("tier")) if room else None
        of_databases = str(one.body.get("apiVersion", "")).startswith(DATABASES)
        if of_databases and tier in ground.promises and (one.namespace, one.name) not in scheduled:
            problem = f"tier {tier} promises how much a failure may cost, but no backup is scheduled"
            yield Fault(one, problem, "declare a ScheduledBackup for it")


BUDGETED = Rule(
    "budgeted",
    "a host can be emptied for maintenance without a system going down with it",
    "rule of this project",
    "A",
    _budgeted,
    alone=False,
)
COPIED = Rule(
    "copied",
    "what a tier promises about lost data is kept by copies that somebody scheduled",
    "TCVN 14423:2026, 5.11.2.2 (control 84); the figures are the tiers' own",
    "R1",
    _copied,
    alone=False,
)
