"""What was rendered is known as long as nothing that it follows from has changed, and not a moment longer."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from province.fleet.load import COMMUNES_VARIABLE, load_fleet
from province.manifest import remembered
from province.manifest.build import Builder
from province.manifest.capability import CHECKOUT
from province.manifest.remembered import Known, Memory, source_of, sources
from province.manifest.trust import TRUST_VARIABLE, stand_in

HOST = "phu-quoc-people"
WATCHED = """
import sys
opened = set()
sys.addaudithook(lambda event, found: opened.add(str(found[0])) if event == "open" else None)
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.trust import stand_in
fleet = load_fleet("lab")
builder = Builder(fleet, stand_in(fleet))
for host in {host.host_class: host for host in fleet.hosts.values()}.values():
    builder.build(host)
print("\\n".join(opened))
"""
"""Renders a host of each class of the lab and says which files that has opened."""


def test_every_file_that_rendering_reads_is_among_the_sources(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WATCHED],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    opened = {Path(line) for line in done.stdout.splitlines() if line.startswith(f"{CHECKOUT}/")}
    read = {path for path in opened if path.is_file() and not {".venv", ".province", "__pycache__"} & {*path.parts}}
    assert len(read) > 100
    assert read - {*sources(load_fleet("lab"))} == set()


def test_another_fact_anchor_or_variable_is_another_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inventories = tmp_path / "inventories"
    shutil.copytree(CHECKOUT / "inventories" / "fleet", inventories / "fleet")
    (inventories / "lab").mkdir()
    shutil.copy(CHECKOUT / "inventories" / "lab" / "environment.yml", inventories / "lab")
    (tmp_path / "anchors" / "lab" / "trust").mkdir(parents=True)
    monkeypatch.setenv(TRUST_VARIABLE, str(tmp_path / "anchors"))
    fleet = load_fleet("lab", inventories)
    seen = [source_of(fleet)]
    assert source_of(fleet) == seen[0]
    for path in (inventories / "fleet" / "province.yml", tmp_path / "anchors" / "lab" / "trust" / "register.yml"):
        path.write_text(f"{path.read_text() if path.exists() else ''}\n# changed\n")
        seen.append(source_of(fleet))
    monkeypatch.setenv(COMMUNES_VARIABLE, "9")
    seen.append(source_of(fleet))
    monkeypatch.setattr(remembered, "TEMPLATES", inventories)
    seen.append(source_of(fleet))
    assert len(set(seen)) == len(seen)


def test_a_part_is_known_by_its_capabilities_and_nothing_is_known_of_another_source(tmp_path: Path) -> None:
    fleet = load_fleet("lab")
    builder = Builder(fleet, stand_in(fleet))
    time = Known.of(builder.build(fleet.hosts[HOST], only=("time",)))
    path = tmp_path / "folder" / "manifests.json"
    first = Memory(path, "one")
    assert first.find(HOST, ("time",)) is None
    first.add(HOST, ("time",), time)
    first.save()
    again = Memory(path, "one")
    assert again.find(HOST, ("time",)) == time
    assert again.find(HOST, ()) is None
    assert again.find(HOST, ("time", "dns")) is None
    assert Memory(path, "two").find(HOST, ("time",)) is None
    path.write_text("{ torn")
    assert Memory(path, "one").find(HOST, ("time",)) is None


def test_nothing_is_kept_or_believed_while_somebody_edits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fleet was read before: a digest of what came out of it must not stand under what is written now."""
    monkeypatch.setattr(remembered, "CHECKOUT", tmp_path)
    for place in ("province", "inventories/fleet", "inventories/lab/trust"):
        (tmp_path / place).mkdir(parents=True)
    for place in ("uv.lock", "inventories/fleet/province.yml", "inventories/lab/trust/register.yml"):
        (tmp_path / place).write_text("before")
    fleet = dataclasses.replace(load_fleet("lab"), root=tmp_path / "inventories")
    known = Known(digest="d")

    def kept_when_read_at(moment: float) -> Known | None:
        monkeypatch.setattr(remembered, "BEGAN", moment)
        memory = Memory.of(fleet)
        memory.add(HOST, (), known)
        memory.save()
        return Memory.of(fleet).find(HOST, ())

    assert kept_when_read_at(time.time() - 60) is None
    later = time.time() + 60
    assert kept_when_read_at(later) == known
    (tmp_path / "inventories/lab/trust/register.yml").write_text("enrolled meanwhile")
    assert kept_when_read_at(later) == known, "anchors are read afterwards"
    assert kept_when_read_at(time.time() - 60) is None, "what is there is not believed either"


def test_a_host_without_any_part_is_known_as_such() -> None:
    fleet = load_fleet("lab")
    builder = Builder(fleet, stand_in(fleet))
    assert Known.of(builder.build(fleet.hosts["rach-gia-bastion-1"], only=("sensors",))).empty
    assert not Known.of(builder.build(fleet.hosts[HOST], only=("time",))).empty
