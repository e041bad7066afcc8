"""A list of certificates as CSV (RFC 4180, UTF-8), read strictly: every bad cell is named by line and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.findings import BadData, Finding, nearest
from province.signatures.row import COLUMNS, Signature

MENDS = {
    "serial": "write 8 to 40 hexadecimal digits, without blanks or colons",
    "kind": "write personal or organisation",
    "begins": "write the day as 2026-11-27",
    "ends": "write the day as 2026-11-27",
}
SHOWN = 40
"""Characters of a bad value that a message repeats."""


def read_table(path: Path) -> dict[str, Signature]:
    """The certificates of a file, by serial.

    Raises BadData with every bad cell of it: then nothing of the file is used.
    """
    text = _text(path)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: dict[str, Signature] = {}
    lines: dict[str, int] = {}
    bad: list[Finding] = []
    try:
        header = next(reader, [])
        if wrong := list(_header(path, header)):
            raise BadData(wrong)
        begins = reader.line_num + 1
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if not cells:
                continue
            if len(cells) != len(header):
                bad.append(_finding(path, line, "", "", f"has {len(cells)} columns instead of {len(header)}", _QUOTE))
                continue
            row = _row(path, line, dict(zip(header, cells, strict=True)), bad)
            if row and row.serial in lines:
                problem = f"stands in line {lines[row.serial]}, too"
                bad.append(_finding(path, line, "serial", row.serial, problem, "keep the newer one of them"))
            elif row:
                found[row.serial], lines[row.serial] = row, line
    except csv.Error as error:
        bad.append(_finding(path, reader.line_num, "", "", f"cannot be read as CSV: {error}", _QUOTE))
    if bad:
        raise BadData(bad)
    return found


def table_text(rows: Iterable[Signature]) -> str:
    """The same certificates always as the same text: sorted by serial."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([str(getattr(row, name)) for name in COLUMNS] for row in sorted(rows, key=lambda one: one.serial))
    return out.getvalue()


_QUOTE = "put a value with a comma, a quote or a line break in double quotes, quotes in it twice"


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is no UTF-8"
        raise BadData([Finding(str(path), "", "", problem, "save it as CSV in UTF-8")]) from None
    except OSError as error:
        raise ProvinceError(f"{path}: {error.strerror}", exit_code=ExitCode.USAGE) from None


def _header(path: Path, header: list[str]) -> Iterator[Finding]:
    for name in COLUMNS:
        if name not in header:
            yield _finding(path, 1, name, "", "missing", "add this column; its name stands in the first line")
    for name in header:
        if name not in COLUMNS:
            guess = nearest(name, [one for one in COLUMNS if one not in header])
            mend = f'did you mean "{guess}"?' if guess else "remove it; nobody keeps more of a holder than is needed"
            yield _finding(path, 1, name, "", "unknown column", mend)
        elif header.count(name) > 1:
            yield _finding(path, 1, name, "", "stands twice", "keep one of them")


def _row(path: Path, line: int, cells: Mapping[str, str], bad: list[Finding]) -> Signature | None:
    try:
        return Signature.model_validate(cells)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            column = str(item["loc"][0]) if item["loc"] else "ends"
            value = cells[column][:SHOWN]
            problem = item["msg"].removeprefix("Value error, ")
            bad.append(_finding(path, line, column, value, problem, MENDS.get(column, "correct this value")))
        return None


def _finding(path: Path, line: int, column: str, value: str, problem: str, mend: str) -> Finding:
    where = f"line {line:>5}, column {column}" if column else f"line {line:>5}"
    return Finding(str(path), where, value, problem, mend)
