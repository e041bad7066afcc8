"""Restore the newest snapshot of etcd beside the running cluster, compare every key, and file a record of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.ops.actions.action import Action, Scene
from province.ops.actions.remote import ActionTrouble, must
from province.ops.copies import record

SNAPSHOTS = "/var/lib/etcd-snapshots"
WORK = "/var/lib/etcd-drill"
RECORDS = "docs/records"
"""Where the checkout keeps records of work that controls ask for."""
NAMED = re.compile(r"(\d{8}T\d{6}Z)\.db$")
"""A snapshot is named by its moment (templates/datacentre/control_plane/usr/local/lib/province/etcd-snapshot.sh.j2)."""
WITHIN_S = 1800.0
ALONE = (
    *("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "-p", "PrivateNetwork=yes", "-p", "PrivateTmp=yes"),
    *("-p", "ProtectSystem=strict", "-p", "ProtectHome=yes", "-p", "NoNewPrivileges=yes", "-p", "Nice=10"),
    *("-p", "StateDirectory=etcd-drill", "-p", "StateDirectoryMode=0700"),
)
"""Away from the network and from everything but a folder of its own: nothing that runs is touched."""
# A snapshot ends in its own checksum, which is no part of the database; etcd's pages are a multiple of 512 bytes.
SCRIPT = """
set -eu
umask 077
from=$1 work=$2
trap 'rm -rf "$work"/drilled' EXIT
rm -rf "$work"/drilled
mkdir "$work"/drilled
size=$(stat -c %s "$from")
free=$(df --output=avail -B1 "$work" | tail -n 1)
[ "$free" -gt $((size * 4)) ] || { echo "no room: $free bytes are free, $((size * 4)) are needed" >&2; exit 1; }
etcdutl snapshot status "$from" --write-out=json
cp "$from" "$work"/drilled/copy.db
[ $((size % 512)) -ne 32 ] || truncate -s -32 "$work"/drilled/copy.db
etcdutl hashkv "$work"/drilled/copy.db --write-out=json
begun=$(date +%s%N)
etcdutl snapshot restore "$from" --data-dir "$work"/drilled/data >"$work"/drilled/said 2>&1 ||
    { tail -n 1 "$work"/drilled/said >&2; exit 1; }
sync "$work"/drilled/data/member/snap/db
ended=$(date +%s%N)
etcdutl hashkv "$work"/drilled/data/member/snap/db --write-out=json
echo "{\\"milliseconds\\": $(((ended - begun) / 1000000))}"
"""


class DrillEtcd(Action):
    """Restore the newest snapshot of a cluster's state beside it, compare every key, time it, and file a record.

    When: twice a year (control 85), after an upgrade of Kubernetes, and whenever somebody doubts a snapshot.

    Blast radius: none; the restored state lies in a folder of its own on the control plane, away from the network, is
    served to nobody, and is removed. It costs the disk about four times the size of the snapshot for that time. Refused
    for a host without a snapshot, or without the room.

    Way back: none is needed. A drill that fails says that the snapshot is no good: take another one (`systemctl start
    etcd-snapshot`), drill that, and look at the other control planes' before anything else is changed. The restore
    itself is `ansible/playbooks/recover.yml`; what it takes beyond this is the start of etcd and of the API server.
    Commit the record, and the row that is printed into `inventories/fleet/registers/work-records.yml`.
    """

    verb: ClassVar[str] = "drill-etcd"
    commands: ClassVar[tuple[str, ...]] = (
        "province op drill-etcd control-plane -e production",
        'province op drill-etcd HOST -e production --reason "half-yearly drill" --go',
    )

    @property
    def keeps_calendar(self) -> bool:
        """No: it changes nothing that runs."""
        return False

    def pre(self, scene: Scene, host: Host) -> str:
        """There must be a snapshot; the newest one is taken."""
        if host.host_class != "control-plane":
            raise ActionTrouble(f"is a {host.host_class}: snapshots of a cluster's state are on its control planes")
        if self._filed(scene, host):
            return ""
        newest, made = self._newest(scene, host)
        minutes = (datetime.now(UTC) - made).total_seconds() / 60
        return f"restore {newest.rpartition('/')[2]}, {minutes:.0f} minutes old, beside the running etcd"

    def act(self, scene: Scene, host: Host) -> str:
        """Restore, compare, and file what came of it; a record is filed of a failure, too."""
        newest, made = self._newest(scene, host)
        began = datetime.now(UTC)
        words = [*ALONE, "sh", "-c", SCRIPT, "drill", newest, WORK]
        done = scene.remote.run(host.name, words, WITHIN_S)
        told: dict[str, Any] = {
            "node": host.name,
            "site": host.site,
            "kind": "etcd",
            "snapshot": newest,
            "age_s": int((began - made).total_seconds()),
            "began": began.isoformat(timespec="seconds"),
            **(_compared(done.printed) if done.code == 0 else {"same": False, "trouble": done.first}),
        }
        kept, digest = record(scene.fleet.root.parent / RECORDS, told, f"{began:%Y-%m-%d}")
        scene.folder.mkdir(parents=True, exist_ok=True)
        (scene.folder / f"{host.name}.json").write_text(json.dumps(told), encoding="utf-8")
        if not told["same"]:
            raise ActionTrouble(f"{newest}: {told.get('trouble', 'what came back is not what was taken')}; see {kept}")
        tier, minutes = strictest(scene.fleet, str(host.site))
        return (
            f"{told['keys']} keys came back as they were in {told['seconds']} s, of {minutes} minutes that tier {tier}"
            f" may be away; {RECORDS}/{kept.name}, sha256 {digest}"
        )

    def unhealthy(self, scene: Scene, host: Host) -> str:
        """The record is there, within the time that is promised, and nothing is left on the host."""
        told = self._filed(scene, host)
        if not told:
            return "no record was filed"
        tier, minutes = strictest(scene.fleet, str(host.site))
        if told["seconds"] > minutes * 60:
            return f"it took {told['seconds']} s, and tier {tier} may be away for {minutes} minutes"
        left = must(scene.remote, host.name, ["find", WORK, "-mindepth", "1"])
        return f"the restored state is still there: {left.split()[0]}" if left else ""

    def _newest(self, scene: Scene, host: Host) -> tuple[str, datetime]:
        """The newest snapshot on a host and its moment; they are named by it, so the last name is the newest."""
        found = scene.remote.run(host.name, ["find", SNAPSHOTS, "-name", "*.db"]).printed.split()
        named = sorted((one[1], path) for path in found if (one := NAMED.search(path)))
        if not named:
            raise ActionTrouble(f"has no snapshot in {SNAPSHOTS}; see systemctl status etcd-snapshot.timer")
        moment, path = named[-1]
        return path, datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)

    def _filed(self, scene: Scene, host: Host) -> dict[str, Any]:
        """What this run found on the host; empty when it did not drill there, or in vain."""
        path = scene.folder / f"{host.name}.json"
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return told if told.get("same") else {}


def _compared(printed: str) -> dict[str, Any]:
    """What the script printed: the snapshot, the keys in it, those that came back, and how long that took."""
    status, taken, restored, timed = map(_line, printed.split("\n")[:4])
    return {
        "same": taken == restored and status["totalKey"] > 0,
        "keys": status["totalKey"],
        "revision": status["revision"],
        "bytes": status["totalSize"],
        "hash": taken,
        "restored": restored,
        "seconds": timed["milliseconds"] / 1000,
    }


def _line(text: str) -> Mapping[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError:
        raise ActionTrouble(f"etcdutl answered {text[:80]!r}") from None
    return found


def strictest(fleet: Fleet, site: str) -> tuple[str, int]:
    """The tier that may be away for the shortest time of those that run at a site, and its minutes."""
    promises = {
        (minutes, str(system.tier))
        for system in fleet.systems_at(fleet.sites[site])
        if (minutes := fleet.tiers[system.tier].rto_minutes) is not None
    }
    if not promises:
        raise ProvinceError(f"no system at {site} is promised to come back in any time")
    minutes, tier = min(promises)
    return tier, minutes
