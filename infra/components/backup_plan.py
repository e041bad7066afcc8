"""How copies of a database leave the cluster: how often, where to, and how long they stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from province.fleet.site import BackupStore, Site
from province.fleet.system import System
from province.fleet.tier import Tier

NIGHTLY = "0 0 1 * * *"
"""Seconds first: every night at one, before the hosts' own work begins."""


@dataclass(frozen=True)
class BackupPlan:
    """What keeps the promise of a tier: a copy of everything each night, and every change soon after it is made.

    Changes are written out at the latest after the tier's RPO, so that not more than that is lost with a whole
    site. The store lies outside the cluster, and each site's copies in a folder of their own.
    """

    store: BackupStore
    rpo_minutes: int
    days: int
    folder: str

    @classmethod
    def of(cls, system: System, tier: Tier, site: Site) -> BackupPlan | None:
        """The plan for a system's databases at a site; None where its tier promises nothing.

        Raises ValueError where a promise cannot be kept because the site's cluster has no store.
        """
        if tier.rpo_minutes is None or tier.backup_days is None:
            return None
        if site.cluster is None or site.cluster.backup_store is None:
            raise ValueError(f"{site.id}: {system.id} promises an RPO, and there is no store for its copies")
        return cls(site.cluster.backup_store, tier.rpo_minutes, tier.backup_days, f"{site.id}/{system.id}")

    @property
    def archive_timeout(self) -> str:
        """PostgreSQL's setting: after this time a change is written out even if there are few."""
        return f"{self.rpo_minutes}min"

    @property
    def destination(self) -> dict[str, Any]:
        """The store as CloudNativePG describes it."""
        key = {"name": self.store.credentials}
        return {
            "destinationPath": f"s3://{self.store.bucket}/{self.folder}",
            "endpointURL": self.store.url,
            "s3Credentials": {
                "accessKeyId": {**key, "key": "id"},
                "secretAccessKey": {**key, "key": "key"},
            },
        }

    @property
    def backup(self) -> dict[str, Any]:
        """What stands in a database's `spec.backup`."""
        compressed = {"wal": {"compression": "gzip"}, "data": {"compression": "gzip"}}
        return {"retentionPolicy": f"{self.days}d", "barmanObjectStore": {**self.destination, **compressed}}

    def schedule(self, database: str) -> dict[str, Any]:
        """The nightly copy of one database, the first at once."""
        return {
            "spec": {
                "schedule": NIGHTLY,
                "immediate": True,
                "backupOwnerReference": "cluster",
                "method": "barmanObjectStore",
                "cluster": {"name": database},
            }
        }
