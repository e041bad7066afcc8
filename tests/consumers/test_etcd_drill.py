"""Snapshots of a real etcd are restored by etcd's own program, compared key by key, and what is damaged is found."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.ops.actions.action import Scene
from province.ops.actions.drill_etcd import RECORDS, SNAPSHOTS, WORK, DrillEtcd, strictest
from province.ops.actions.remote import ActionTrouble, Done
from province.toolchain import build

from .relay_servers import free_port

KEYS = 200
PATIENCE_S = 20.0
PLANE = "rach-gia-control-plane-1"


@dataclass
class Plane:
    """This machine as a control plane: the script is run as it is, in folders that stand for those of the host."""

    place: Path

    def run(self, host: str, words: Sequence[str], seconds: float = 60.0) -> Done:
        assert host == PLANE
        told = list(words)
        if told[0] == "systemd-run":  # its folder and its lack of a network are systemd's to make, on a host
            told = told[told.index("sh") :]
        told = [self.here(one) for one in told]
        path = f"{build.binary('etcdutl').parent}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path}
        done = subprocess.run(told, capture_output=True, text=True, check=False, timeout=seconds, env=environment)
        return Done(done.returncode, done.stdout, done.stderr)

    def here(self, word: str) -> str:
        return (
            word.replace(SNAPSHOTS, str(self.place / "snapshots"))
            if word.startswith(SNAPSHOTS)
            else (str(self.place / "work") if word == WORK else word)
        )


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A snapshot of an etcd with keys of several revisions, one of them deleted."""
    place = tmp_path_factory.mktemp("etcd")
    here, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    words = ["--data-dir", str(place / "data"), "--listen-client-urls", here, "--advertise-client-urls", here]
    words += ["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers]
    words += ["--initial-cluster", f"default={peers}"]
    server = subprocess.Popen([build.binary("etcd"), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def client(*asked: str, given: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(build.binary("etcdctl")), f"--endpoints={here}", *asked]
        return subprocess.run(command, input=given, capture_output=True, text=True, check=False)

    try:
        end = time.monotonic() + PATIENCE_S
        while client("endpoint", "health").returncode:
            assert time.monotonic() < end, "etcd does not answer"
        for first in range(0, KEYS, 100):  # etcd takes 128 operations at once
            puts = "\n".join(f"put /registry/{number} {'x' * (number + 1)}" for number in range(first, first + 100))
            done = client("txn", given=f"\n{puts}\n\n\n")
            assert "SUCCESS" in done.stdout, done.stderr
        client("put", "/registry/1", "again")
        client("del", "/registry/2")
        path = place / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.db"
        assert client("snapshot", "save", str(path)).returncode == 0
        yield path
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def scene(taken: Path, tmp_path: Path) -> Scene:
    for name in ("snapshots", "work"):
        (tmp_path / name).mkdir()
    shutil.copy(taken, tmp_path / "snapshots")
    (tmp_path / "snapshots" / "20200101T000000Z.db").write_bytes(b"an old one, which nobody takes")
    lab = load_fleet("lab")
    fleet: Fleet = replace(lab, root=tmp_path / "checkout" / "inventories")
    return Scene(fleet, Plane(tmp_path), tmp_path / "kept")


def test_the_newest_snapshot_comes_back_whole_and_a_record_is_filed(scene: Scene, tmp_path: Path) -> None:
    action, host = DrillEtcd({}), scene.fleet.hosts[PLANE]
    assert "0 minutes old, beside the running etcd" in action.pre(scene, host)
    said = action.act(scene, host)
    (record,) = (tmp_path / "checkout" / RECORDS).iterdir()
    told = json.loads(record.read_text(encoding="utf-8"))
    assert (told["same"], told["node"], told["site"], told["revision"]) == (True, PLANE, "rach-gia", 5)
    assert told["keys"] == KEYS - 1, "one was deleted"
    assert told["hash"] == told["restored"]
    assert 0 < told["seconds"] < PATIENCE_S
    assert "of 60 minutes that tier A may be away" in said
    assert record.name in said
    assert action.unhealthy(scene, host) == ""
    assert action.pre(scene, host) == "", "a run that is resumed does not do it twice"
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("place", [5000, -40])
def test_a_snapshot_with_a_damaged_byte_is_no_good_and_the_record_says_so(
    scene: Scene, tmp_path: Path, place: int
) -> None:
    (path,) = (one for one in (tmp_path / "snapshots").iterdir() if not one.name.startswith("2020"))
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    action, host = DrillEtcd({}), scene.fleet.hosts[PLANE]
    with pytest.raises(ActionTrouble, match=r"\.db: "):
        action.act(scene, host)
    (record,) = (tmp_path / "checkout" / RECORDS).iterdir()
    assert json.loads(record.read_text(encoding="utf-8"))["same"] is False
    assert action.unhealthy(scene, host) == "no record was filed"
    assert list((tmp_path / "work").iterdir()) == []


def test_what_is_refused(scene: Scene, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "snapshots")
    with pytest.raises(ActionTrouble, match="has no snapshot in"):
        DrillEtcd({}).pre(scene, scene.fleet.hosts[PLANE])
    with pytest.raises(ActionTrouble, match="is a edge: snapshots"):
        DrillEtcd({}).pre(scene, scene.fleet.hosts["phu-quoc-party"])


def test_the_strictest_promise_of_a_site_counts(scene: Scene) -> None:
    assert strictest(scene.fleet, "rach-gia") == ("A", 60)
