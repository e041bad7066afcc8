"""A finding names the line of its key, or of the innermost part of it that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.fleet.findings import Finding, describe
from province.fleet.located import located

TEXT = """\
plan:
  zones:
    - {id: users, vlan: 10}
    - id: counter
      vlan: 20
  files:
    /etc/a.conf: {mode: "644"}
  ports: [1, 2]
rows:
  "61":
    why: none
"""


def line(folder: Path, key: str, file: str = "facts.yml") -> int:
    (found,) = located([Finding(file, key, "", "is wrong", "mend it")], folder)
    return found.line


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "facts.yml").write_text(TEXT, encoding="utf-8")
    (tmp_path / "list.yml").write_text("- {id: a, x: 1}\n- {id: 3, x: 2}\n- 5\n- {id: 0, x: 1}\n", encoding="utf-8")
    (tmp_path / "broken.yml").write_text("a: [\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("plan", 1),
        ("plan.zones.counter.vlan", 5),
        ("plan.zones.1.vlan", 5),
        ("plan.zones.users.vlan", 3),
        ("plan.zones.wifi", 2),
        ("plan.files./etc/a.conf.mode", 7),
        ("plan.ports.1", 8),
        ("plan.missing.below", 1),
        ("rows.61.why", 11),
        ("nothing", 0),
        ("", 0),
    ],
)
def test_the_line_of_a_key(key: str, expected: int, folder: Path) -> None:
    assert line(folder, key) == expected


def test_entries_of_a_list_have_names_or_places(folder: Path) -> None:
    assert [line(folder, key, "list.yml") for key in ("a.x", "3.x", "2", "0.x", "b.x")] == [1, 2, 3, 4, 0]


def test_what_cannot_be_read_has_no_lines(folder: Path) -> None:
    assert line(folder, "a", "broken.yml") == 0
    assert line(folder, "a", "none.yml") == 0


def test_people_read_it_at_the_end(folder: Path) -> None:
    said = describe(located([Finding("facts.yml", "plan.ports", "x", "is wrong", "mend it")], folder))
    assert said == "facts.yml\n  plan.ports: is wrong (is x); mend it (line 8)\n1 problem; nothing was changed"
