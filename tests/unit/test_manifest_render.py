"""Templates are compiled once for many runs, and what is kept never stands in for what is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.manifest.render import Renderer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "templates"
    place.mkdir()
    (place / "one.j2").write_text("{{ word }} before\n")
    return place


def test_what_an_earlier_run_compiled_is_used_again(folder: Path) -> None:
    assert Renderer(folder).file("one.j2", {"word": "as"}, "host") == "as before\n"
    (kept,) = (folder.parent / ".province" / "templates").iterdir()
    written = kept.stat().st_mtime_ns
    assert Renderer(folder).file("one.j2", {"word": "as"}, "host") == "as before\n"
    assert kept.stat().st_mtime_ns == written


def test_a_template_that_has_changed_is_compiled_anew(folder: Path) -> None:
    Renderer(folder).file("one.j2", {"word": "as"}, "host")
    (folder / "one.j2").write_text("{{ word }} now\n")
    assert Renderer(folder).file("one.j2", {"word": "as"}, "host") == "as now\n"


def test_where_nothing_can_be_kept_templates_are_rendered_all_the_same(folder: Path) -> None:
    (folder.parent / ".province").write_text("a file where the folder would be")
    assert Renderer(folder).file("one.j2", {"word": "as"}, "host") == "as before\n"
