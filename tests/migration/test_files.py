"""A folder moves by rsync, from a file system of its own; what is planted in a copy is found by the gate."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.migration import Method, Phase
from province.migration.files.folder import MESSAGE, Folder
from province.migration.files.hands import FilesHands
from province.migration.files.way import FilesWay
from province.migration.proofs import Wiped
from tests.migration.test_hands import Conducted, conduct_by

pytestmark = pytest.mark.lab


@pytest.fixture
def way(tmp_path: Path) -> Iterator[FilesWay]:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=755", "tmpfs", old], check=True)
    for number in range(200):
        file = old / f"quý {number % 4}" / f"văn bản {number}.pdf"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(f"trang {number}".encode() * 50)
    (old / "mới nhất").symlink_to("quý 1/văn bản 1.pdf")
    yield FilesWay(Folder(str(old)), Folder(str(new)), drain_seconds=1)
    subprocess.run(["umount", old], check=True)
    shutil.rmtree(new, ignore_errors=True)


@pytest.fixture
def conducted(way: FilesWay, tmp_path: Path) -> Conducted:
    return conduct_by(lambda desk: FilesHands(way, desk), Method.FILES, tmp_path)


def forward(conducted: Conducted, last: Phase) -> None:
    move = conducted.order.moves[0]
    for phase in (Phase.PROVISIONED, Phase.REPLICATING, Phase.REHEARSED, Phase.FROZEN, Phase.CUT_OVER, Phase.SOAKING):
        if phase is Phase.REHEARSED:
            assert conducted.hands.by_move[move.id].rehearse(move).different == ()
            assert conducted.hands.by_move[move.id].backup(move).different == ()
        assert conducted.to(phase).phases == {move.id: phase}
        if phase is last:
            return


def test_a_folder_goes_all_the_way(way: FilesWay, conducted: Conducted) -> None:
    old, new = Path(way.source.path), Path(way.target.path)
    forward(conducted, Phase.REHEARSED)
    (old / "quý 0" / "muộn.pdf").write_text("viết trong lúc chuyển")
    with (old / "quý 0" / "dở.pdf").open("w") as under_way:
        under_way.write("một nửa")
        under_way.flush()
        with pytest.raises(ProvinceError, match="held a file open for writing for 1 s"):
            conducted.to(Phase.FROZEN)
    conducted.to(Phase.FROZEN)
    with pytest.raises(OSError, match=MESSAGE):
        (old / "quá muộn.pdf").write_text("bị từ chối")
    assert new.stat().st_mode & 0o777 == 0o700
    conducted.to(Phase.CUT_OVER)
    assert (new / "quý 0" / "muộn.pdf").read_text() == "viết trong lúc chuyển"
    assert (new / "mới nhất").readlink() == Path("quý 1/văn bản 1.pdf")
    assert new.stat().st_mode & 0o777 == 0o755
    conducted.to(Phase.SOAKING)
    move = conducted.order.moves[0]
    assert conducted.hands.by_move[move.id].backup(move).final
    conducted.passed = timedelta(days=15)
    conducted.to(Phase.RETIRED)
    assert list(old.iterdir()) == []
    assert conducted.book.newest(Wiped, move.id)
    assert len(list(new.rglob("*.pdf"))) == 202


@pytest.mark.parametrize(
    "spoil",
    ["one byte", *(pytest.param(one, marks=pytest.mark.soak) for one in ("missing", "mode"))],
)
def test_what_is_planted_in_the_copy_is_found_by_the_gate(way: FilesWay, conducted: Conducted, spoil: str) -> None:
    forward(conducted, Phase.FROZEN)
    file = Path(way.target.path, "quý 3", "văn bản 7.pdf")
    before = file.stat()
    match spoil:
        case "one byte":
            file.write_bytes(b"T" + file.read_bytes()[1:])
            # As a bad disk does it: neither size nor time say anything.
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        case "missing":
            file.unlink()
        case _:
            file.chmod(0o666)
    shut = {one.gate: one.said for one in conducted.to(Phase.CUT_OVER).shut}
    expected = {"one byte": {"contents"}, "missing": {"drained", "contents", "schema"}, "mode": {"schema"}}[spoil]
    assert set(shut) == expected
    assert "contents" not in expected or "quý 3/văn bản 7.pdf" in shut["contents"]
    assert conducted.phase() is Phase.FROZEN


def test_the_way_back_brings_what_was_written_since(way: FilesWay, conducted: Conducted) -> None:
    forward(conducted, Phase.CUT_OVER)
    old, new = Path(way.source.path), Path(way.target.path)
    (new / "quý 0" / "sau.pdf").write_text("viết ở bên mới")
    (new / "quý 1" / "văn bản 1.pdf").unlink()
    conducted.back()
    assert (old / "quý 0" / "sau.pdf").read_text() == "viết ở bên mới"
    assert not (old / "quý 1" / "văn bản 1.pdf").exists()
    (old / "lại.pdf").write_text("viết lại được")
    assert (old.stat().st_mode & 0o777, new.stat().st_mode & 0o777) == (0o755, 0o700)


def test_a_folder_that_cannot_refuse_writes_is_refused_before_anything_is_copied(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    way = FilesWay(Folder(str(tmp_path / "plain")), Folder(str(tmp_path / "new")))
    conducted = conduct_by(lambda desk: FilesHands(way, desk), Method.FILES, tmp_path)
    conducted.to(Phase.PROVISIONED)
    assert conducted.shut(Phase.REPLICATING) == {"obstacles": "shut"}
