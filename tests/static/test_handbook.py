"""The handbook: what it tells people to type is understood, the same in both languages, and links lead somewhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from province.cli import app
from province.fleet.load import load_fleet
from province.manifest.capability import CHECKOUT
from province.verify.selection import select_hosts

from ..handbook import HANDBOOK, PAGES, Command, commands, page

SETS_A_VARIABLE = "export"
LINK = re.compile(r"\]\(([^)#]+)\)")
OFFLINE = ("province check", "province show rach-gia", "province show phu-quoc-party", "province calendar")
"""What needs neither hosts nor files of an environment, and is run here."""


@pytest.mark.parametrize("command", commands(), ids=lambda one: one.line[:60])
def test_every_command_is_understood(command: Command) -> None:
    """By the program's own parser: verbs, options, numbers and choices; nothing is carried out."""
    program, *words = command.words
    if program == SETS_A_VARIABLE:
        assert re.fullmatch(r"[A-Z_]+=\S+", words[0])
        return
    if program == "ansible-playbook":
        assert words[:2] == ["-i", "inventories/production"]
        assert (CHECKOUT / words[2]).is_file()
        assert words[3] in {"--limit", "-e"}
        return
    assert program == "province", "a handbook is about this program and what it wraps"
    parser: Any = get_command(app)
    while words and words[0] in getattr(parser, "commands", {}):
        parser = parser.commands[words.pop(0)]
    parser.make_context("province", list(words), resilient_parsing=False)
    assert not hasattr(parser, "commands") or command.line == "province runs", "a verb is missing"


def test_both_languages_tell_the_same_commands_in_the_same_order() -> None:
    assert [one.line for one in commands("vi")] == [one.line for one in commands()]


@pytest.mark.parametrize("language", ["en", "vi"])
def test_a_bad_night_has_ten_situations_with_all_four_answers(language: str) -> None:
    situations = page("bad-night", language).split("\n## ")[1:]
    assert [one.split(".")[0] for one in situations] == [str(number) for number in range(1, 11)]
    answers = (
        ("How you notice", "What is safe", "The command", "How you know it worked")
        if language == "en"
        else ("Dấu hiệu", "Việc an toàn", "Lệnh", "Biết đã xong khi")
    )
    for one in situations:
        assert [one.count(f"**{answer}.**") for answer in answers] == [1, 1, 1, 1]
        assert one.count("```") == 4, "a command, and one that proves it"


@pytest.mark.parametrize("language", ["en", "vi"])
def test_links_lead_to_pages(language: str) -> None:
    folder = HANDBOOK / ("" if language == "en" else language)
    for name in PAGES:
        for target in LINK.findall(page(name, language)):
            assert (folder / target).is_file(), f"{name}: {target}"


def test_hosts_that_are_named_are_hosts_of_the_lab_too() -> None:
    """So that the same commands can be tried there (tests/lab/test_handbook.py)."""
    lab = load_fleet("lab")
    named = {word for one in commands() for word in one.words if re.fullmatch(r"(phu-quoc|rach-gia-)[a-z0-9-]*", word)}
    assert "phu-quoc-party" in named
    assert select_hosts(lab, named)


@pytest.mark.parametrize("line", OFFLINE)
def test_what_needs_no_hosts_runs(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert line in [one.line for one in commands()]
    monkeypatch.setenv("COLUMNS", str(shutil.get_terminal_size().columns))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, Command("", line).words[1:], env={"PROVINCE_ENVIRONMENT": "production"})
    assert (done.exit_code, done.exception) == (0, None)
    assert done.output
