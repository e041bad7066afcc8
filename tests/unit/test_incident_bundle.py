"""A bundle: everything about one incident, no content of a host's file, and not one byte that could be changed."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from province.bundle.sums import SUMS, checksum, write_sums
from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.incident import bundle
from province.incident.entry import Noted
from province.incident.incident import Incident
from province.incident.store import Store
from province.manifest.trust import stand_in
from province.verify.evidence import read_evidence

from .evidence_runs import START, write_run
from .incident_cases import BY, NOW, note, opening

DAYS = 5
DETECTED = START + timedelta(days=2, hours=12)
HOSTS = ("phu-quoc-party", "tho-chau-party")


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run each day; the last was cut short."""
    folder = tmp_path_factory.mktemp("evidence")
    for day in range(DAYS):
        write_run(folder, day, None, end=day < DAYS - 1)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "kept")


@pytest.fixture
def made(fleet: Fleet, evidence: Path, store: Store, tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    opened = store.open(lambda id_: opening(id_, detected=DETECTED, hosts=HOSTS), NOW)
    one = store.add(opened.id, note("Chỉ nội bộ"))
    done = bundle.make(folder, fleet, one, store.path(one.id), evidence, stand_in(fleet), NOW)
    store.add(one.id, Noted(time=NOW, by=BY, text=bundle.remark(done.digest)))
    return folder


def listed(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def anew(folder: Path) -> None:
    """Write the checksums again, as somebody does who changed a file on purpose."""
    write_sums(folder, {name: checksum(folder / name) for name in listed(folder) if name != SUMS})


@pytest.mark.proves(76)
def test_a_bundle_holds_all_that_is_known(made: Path) -> None:
    assert [name for name in listed(made) if not name.startswith("evidence/2026")] == [
        SUMS,
        "evidence/ledger.jsonl",
        "incident.json",
        "notice-cause.md",
        "notice-first.md",
        "states/phu-quoc-party.json",
        "states/tho-chau-party.json",
        "timeline.jsonl",
    ]
    assert bundle.verify(made) == []
    done = subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=made, capture_output=True, check=False)
    assert done.returncode == 0


def test_it_has_the_last_run_before_the_detection_and_all_since(made: Path) -> None:
    runs = [read_evidence(path).run.run for path in sorted((made / "evidence").glob("2026*.jsonl"))]
    assert runs == ["run0002", "run0003"]


def test_what_is_not_there_is_named(made: Path) -> None:
    about = json.loads((made / "incident.json").read_text(encoding="utf-8"))
    assert "evidence of tho-chau-party" in about["missing"]
    assert "evidence of phu-quoc-party" not in about["missing"]
    assert "contact in the first notice" in about["missing"]


def test_files_of_hosts_are_there_by_digest_alone(made: Path) -> None:
    state = json.loads((made / "states/phu-quoc-party.json").read_text(encoding="utf-8"))
    assert {len(digest) for digest in state["wanted"]["files"].values()} == {64}
    assert state["seen"]["run"] == "run0003"


def test_one_changed_byte_of_any_file_is_found(made: Path) -> None:
    for name in listed(made):
        written = (made / name).read_bytes()
        for place in {0, len(written) // 2, len(written) - 1}:
            data = bytearray(written)
            data[place] ^= 1
            (made / name).write_bytes(bytes(data))
            try:
                found = [fault.file for fault in bundle.verify(made)]
            except ProvinceError as error:
                found = [str(error)]
            assert found, (name, place)
            assert name == SUMS or found == [name]
        (made / name).write_bytes(written)
    assert bundle.verify(made) == []


def test_a_file_that_was_removed_or_added_is_found(made: Path) -> None:
    (made / "notice-first.md").unlink()
    (made / "other.md").write_text("x", encoding="utf-8")
    assert [str(fault) for fault in bundle.verify(made)] == [
        "notice-first.md: is missing",
        "other.md: is not in SHA256SUMS",
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("timeline.jsonl", "does not follow"),
        ("evidence/ledger.jsonl", "does not follow"),
        ("evidence/20260104T030000Z-run0003.jsonl", "is not what the ledger sealed"),
    ],
)
def test_checksums_written_anew_hide_no_change(made: Path, name: str, said: str) -> None:
    path = made / name
    path.write_bytes(path.read_bytes().replace(b"ops", b"opz", 1).replace(b"sealed", b"zealed", 1))
    anew(made)
    (fault,) = bundle.verify(made)
    assert said in str(fault)


def test_a_timeline_that_was_cut_does_not_end_as_said(made: Path) -> None:
    path = made / "timeline.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    anew(made)
    (fault,) = bundle.verify(made)
    assert "but incident.json says" in fault.problem


def test_a_bundle_that_was_written_anew_is_not_the_one_the_timeline_notes(made: Path, store: Store) -> None:
    assert bundle.not_noted(made, store.root) == []
    (made / "notice-first.md").write_text("Không có gì xảy ra.\n", encoding="utf-8")
    anew(made)
    assert bundle.verify(made) == []
    (fault,) = bundle.not_noted(made, store.root)
    assert "notes no bundle with this list" in fault.problem
    assert bundle.not_noted(made, store.root / "elsewhere") == []


def test_evidence_that_was_changed_stops_no_bundle_and_is_found_in_it(
    fleet: Fleet, evidence: Path, store: Store, tmp_path: Path
) -> None:
    changed = tmp_path / "evidence"
    shutil.copytree(evidence, changed)
    path = changed / "20260104T030000Z-run0003.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"subject"', b'"subjekt"', 1))
    one = store.open(lambda id_: opening(id_, detected=DETECTED), NOW)
    done = bundle.make(tmp_path / "out", fleet, one, store.path(one.id), changed, None, NOW)
    assert any(text.startswith("a whole run: 20260104T030000Z-run0003.jsonl") for text in done.missing)
    assert "what the model wants on the hosts: the environment has no anchors of trust" in done.missing
    assert [str(fault) for fault in bundle.verify(tmp_path / "out")] == [
        "evidence/20260104T030000Z-run0003.jsonl: is not what the ledger sealed"
    ]


def test_a_commune_stands_for_its_nodes(fleet: Fleet) -> None:
    opened = opening().model_copy(update={"hosts": (), "communes": ("31078",)})
    assert bundle.hosts_of(fleet, Incident(opened, (), "")) == ["phu-quoc-party", "phu-quoc-people"]


def test_a_folder_in_use_and_one_that_is_no_bundle_are_refused(
    made: Path, fleet: Fleet, evidence: Path, store: Store, tmp_path: Path
) -> None:
    one = store.get("incident-2026-0001")
    with pytest.raises(ProvinceError, match="is in use"):
        bundle.make(made, fleet, one, store.path(one.id), evidence, stand_in(fleet), NOW)
    with pytest.raises(ProvinceError, match="is no bundle"):
        bundle.verify(tmp_path)
    shutil.rmtree(made)
    made.mkdir()
    (made / "x").write_text("", encoding="utf-8")
    anew(made)
    with pytest.raises(ProvinceError, match="is no bundle of an incident"):
        bundle.verify(made)
