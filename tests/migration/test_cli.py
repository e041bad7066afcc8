"""`province migrate` over real folders: a wave from the first command until it soaks and back, as an operator types."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from typer.testing import CliRunner

from province.cli import app
from province.errors import ProvinceError

CHECKOUT = Path(__file__).resolve().parents[2]
MOVES = ("trial-an-giang", "trial-kien-giang")
pytestmark = pytest.mark.lab


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    data = tmp_path / "inventories"
    shutil.copytree(CHECKOUT / "inventories", data)
    waves = data / "fleet/migration/waves.yml"
    week = "mon, tue, wed, thu, fri, sat, sun"
    always = ", ".join(
        f'{{days: [{week}], begins: "{a}", ends: "{b}", source: A}}'
        for a, b in (("00:00", "12:00"), ("12:00", "00:00"))
    )
    text = waves.read_text(encoding="utf-8")
    old = '[{days: [mon, tue, wed, thu], begins: "19:00", ends: "23:00", source: A}]\n  phase: declared'
    waves.write_text(text.replace(old, f"[{always}]\n  phase: retired"), encoding="utf-8")
    reach = "".join(f"  {move}: {{source: {tmp_path}/{move}/old, target: {tmp_path}/{move}/new}}\n" for move in MOVES)
    with (data / "lab/environment.yml").open("a", encoding="utf-8") as file:
        file.write(f"old_folders:\n{reach}")
    monkeypatch.setenv("PROVINCE_INVENTORIES", str(data))
    with ExitStack() as after:
        for move in MOVES:
            folder = tmp_path / move / "old"
            folder.mkdir(parents=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", folder], check=True)
            after.callback(_unmount, folder)
            (folder / "trang chủ.html").write_text(f"<p>Tập huấn {move}</p>", encoding="utf-8")
        yield tmp_path


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", folder], check=True)


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["migrate", *words])
    if isinstance(done.exception, ProvinceError):
        raise done.exception
    return done.exit_code, done.output


def test_a_wave_from_the_first_command_to_soaking_and_back(place: Path) -> None:
    # One person is not two; and what to type stands under the gate.
    code, said = run("advance", "1", "--approved-by", "lan")
    assert (code, "approval shut: 1 of 2 people approved" in said) == (1, True)
    assert "province migrate advance 1 --approved-by NAME --approved-by NAME" in said
    by_two = ("advance", "1", "--approved-by", "lan", "--approved-by", "minh")
    for phase in ("provisioned", "replicating"):
        assert run(*by_two) == (0, "".join(f"{move:32} {phase}\n" for move in MOVES))
    code, said = run(*by_two)
    assert (code, "rehearsal unknown: was not measured\n    province migrate rehearse 1" in said) == (1, True)
    code, said = run("rehearse", "1")
    assert (code, said.count("1 chunks compared, all the same")) == (0, 2)
    assert run(*by_two)[1].count("rehearsed") == 2
    code, said = run(*by_two)
    assert (code, "backup unknown: was not measured\n    province migrate backup 1" in said) == (1, True)
    assert run("backup", "1")[0] == 0
    for phase in ("frozen", "cut-over", "soaking"):
        assert run(*by_two)[1].count(phase) == 2
    assert "soaked shut: 0.0 of 14 days" in run(*by_two)[1]
    assert "trial-an-giang shut retired" in run("status")[1]
    (place / MOVES[0] / "new" / "mới.html").write_text("viết ở bên mới", encoding="utf-8")
    assert run("rollback", "1")[1].count("rolled-back") == 2
    assert (place / MOVES[0] / "old" / "mới.html").read_text(encoding="utf-8") == "viết ở bên mới"


def test_a_changed_book_of_proofs_stops_the_wave(place: Path) -> None:
    run("rehearse", "1")
    book = place / ".province/lab/migration/proofs.jsonl"
    book.write_bytes(book.read_bytes().replace(b'"items":1', b'"items":9', 1))
    with pytest.raises(ProvinceError, match=r"proofs\.jsonl line 1: the line does not follow"):
        run("advance", "1", "--approved-by", "lan")
