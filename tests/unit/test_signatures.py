"""The register of signatures: lists go in whole or not at all, nothing is lost, and what ends soon is named."""

from __future__ import annotations

import json
import stat
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from province.cli import app
from province.errors import ExitCode, ProvinceError
from province.fleet.findings import BadData, Finding
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.ops.workplace import Workplace
from province.signatures import register
from province.signatures.made_up import made_up
from province.signatures.row import COLUMNS, Kind, Signature
from province.signatures.table import read_table, table_text

TODAY = date(2026, 11, 27)
HEADER = ",".join(COLUMNS)
GOOD = "AB12CD34EF,personal,Nguyễn Văn A,Đặc khu Phú Quốc,CA,2024-11-27,2026-12-20"


def a_list(tmp_path: Path, *lines: str, header: str = HEADER) -> Path:
    path = tmp_path / "list.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def row(number: int, ends: date, kind: Kind = Kind.PERSONAL) -> Signature:
    return Signature(
        serial=f"{number:08X}",
        kind=kind,
        holder=f"A, {number}",
        unit="Xã",
        issuer="CA",
        begins=date(2020, 1, 1),
        ends=ends,
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            GOOD.replace("AB12CD34EF", "AB:12"),
            "line     3, column serial: .* \\(is AB:12\\); write 8 to 40 hexadecimal",
        ),
        (GOOD.replace("personal", "person"), "line     3, column kind: .* write personal or organisation"),
        (GOOD.replace("2026-12-20", "20/12/2026"), "line     3, column ends: .* write the day as 2026-11-27"),
        (GOOD.replace("2026-12-20", "2020-12-20"), "line     3, column ends: `ends` is before `begins`"),
        (GOOD.replace("Nguyễn Văn A", ""), "line     3, column holder: "),
        (GOOD.replace("CA,", "CA, Hà Nội,"), "line     3: has 8 columns instead of 7"),
        (GOOD.replace("CA,", '"CA,'), "line     [0-9]+: cannot be read as CSV"),
        (GOOD, "line     3, column serial: stands in line 2, too"),
    ],
)
def test_a_bad_cell_is_named_and_nothing_is_taken(tmp_path: Path, line: str, said: str) -> None:
    path = a_list(tmp_path, GOOD, line)
    with pytest.raises(BadData, match=said) as refused:
        register.take_in(tmp_path / "register", path)
    assert str(path) in str(refused.value)
    assert not (tmp_path / "register" / register.FILE).exists()


def test_all_bad_cells_of_a_list_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(BadData) as refused:
        read_table(a_list(tmp_path, GOOD.replace("personal", "x"), GOOD.replace("CA", ""), GOOD.replace("2024", "y")))
    assert [one.key for one in refused.value.findings] == [
        "line     2, column kind",
        "line     3, column issuer",
        "line     4, column begins",
    ]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (HEADER.replace("unit,", ""), "column unit: missing"),
        (HEADER.replace("holder", "holders"), 'column holders: unknown column; did you mean "holder"'),
        (f"{HEADER},phone", "column phone: unknown column; remove it"),
    ],
)
def test_columns_are_named(tmp_path: Path, header: str, said: str) -> None:
    with pytest.raises(BadData, match=said):
        read_table(a_list(tmp_path, header=header))


def test_what_is_no_text_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"serial\xff")
    with pytest.raises(BadData, match="byte 6 is no UTF-8"):
        read_table(tmp_path / "list.csv")
    with pytest.raises(ProvinceError, match="No such file"):
        read_table(tmp_path / "nothing.csv")


def test_a_list_adds_and_changes_and_what_it_does_not_name_stays(tmp_path: Path) -> None:
    folder = tmp_path / "register"
    first = [row(1, TODAY), row(2, TODAY), row(3, TODAY)]
    second = [row(2, TODAY), row(3, TODAY + timedelta(days=900)), row(4, TODAY)]
    for number, rows in enumerate((first, second)):
        (tmp_path / f"{number}.csv").write_text(table_text(rows), encoding="utf-8")
    assert register.take_in(folder, tmp_path / "0.csv") == register.Imported(
        ("00000001", "00000002", "00000003"), (), same=0, unnamed=0
    )
    assert register.take_in(folder, tmp_path / "1.csv") == register.Imported(
        ("00000004",), ("00000003",), same=1, unnamed=1
    )
    assert len(register.load(folder)) == 4
    assert register.load(folder)["00000003"].ends == TODAY + timedelta(days=900)
    assert stat.S_IMODE((folder / register.FILE).stat().st_mode) == 0o600
    before = (folder / register.FILE).stat().st_mtime_ns
    register.take_in(folder, tmp_path / "1.csv")
    assert (folder / register.FILE).stat().st_mtime_ns == before


@pytest.mark.parametrize(("left", "named"), [(-1, True), (0, True), (30, True), (31, False)])
def test_what_ends_within_the_days_is_due(left: int, named: bool) -> None:
    rows = {"1": row(1, TODAY + timedelta(days=left))}
    assert bool(register.due(rows, TODAY, 30)) is named


def test_the_steps_add_up_to_all(tmp_path: Path) -> None:
    ends = (-5, -1, 0, 30, 31, 60, 61, 90, 91)
    rows = {str(number): row(number, TODAY + timedelta(days=left)) for number, left in enumerate(ends)}
    assert register.by_time(rows, TODAY)[Kind.PERSONAL] == {
        "over": 2,
        "within 30 days": 2,
        "within 60 days": 2,
        "within 90 days": 2,
        "later": 1,
    }


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=30), max_size=6))
@settings(max_examples=150, deadline=None)
def test_whatever_stands_in_a_list_there_is_one_clear_error_or_a_register(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text(f"{HEADER}\n{','.join(cells)}\n", encoding="utf-8", newline="")
    told: tuple[Finding, ...] = ()
    try:
        found = read_table(path)
    except BadData as refused:
        told = refused.findings
        found = {}
    assert all(one.mend and one.key.startswith("line") for one in told)
    path.write_text(table_text(found.values()), encoding="utf-8", newline="")
    assert read_table(path) == found


def test_the_lab_has_as_many_as_were_counted_and_production_has_none_made_up(fleet: Fleet) -> None:
    rows = made_up(load_fleet("lab"), TODAY)
    assert [sum(one.kind is kind for one in rows) for kind in Kind] == [10330, 708]
    assert len({one.serial for one in rows}) == len(rows)
    with pytest.raises(ProvinceError, match="real people"):
        made_up(fleet, TODAY)


@pytest.mark.proves(8, 9)
def test_as_it_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Workplace, "of", lambda *_: Workplace(tmp_path, "lab"))

    def typed(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["signatures", *words])
        if isinstance(done.exception, ProvinceError):
            return int(done.exception.exit_code), str(done.exception)
        return done.exit_code, done.output

    path = str(tmp_path / "sample.csv")
    assert typed("due")[0] == ExitCode.NOTHING_SELECTED
    assert typed("tell")[0] == ExitCode.NOTHING_SELECTED
    assert typed("sample", path)[0] == 0
    assert typed("import", path) == (0, "11038 new, 0 changed, 0 as before\n")
    code, said = typed("status")
    assert code == 0
    assert "personal       10330 of 10330 counted   over " in said
    code, said = typed("tell")
    assert (code, "would be told; repeat it with --yes" in said) == (0, True)
    assert "Cán bộ" not in said
    code, said = typed("due", "--days", "60")
    assert code == ExitCode.DRIFT
    assert "of 11038 are over or end within 60 days" in said
    assert "more: --all" in said
    told = json.loads(typed("due", "--days", "60", "--json")[1])
    assert [one["ends"] for one in told] == sorted(one["ends"] for one in told)
