"""A stack's own file is checked before Pulumi reads it, and what is wrong is named where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.errors import ExitCode
from province.fleet.findings import BadData
from province.ops import stack_files

STACK, OTHER = "production.north.systems", "production.north.cluster"
SALT = "encryptionsalt: v1:vrVU53IAVEE=:v1:W1dAOBePG7zWPay4:uxz9B5o/6irU2671Ea9vV+7G9btPhQ==\n"


def write(checkout: Path, stack: str, text: str) -> None:
    file = checkout / stack_files.FOLDER / f"Pulumi.{stack}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("text", [SALT, "", SALT + "config:\n", SALT + "config: {province:words: {a: 1}}\n"])
def test_a_file_as_pulumi_writes_it_is_well(tmp_path: Path, text: str) -> None:
    write(tmp_path, STACK, text)
    stack_files.check(tmp_path, [STACK, OTHER])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SALT + "config: [\n", "line 3, column 1: not valid YAML"),
        (SALT + "confi: {}\n", 'confi: unknown key; did you mean "config"?'),
        (SALT + "config: 3\n", "config: input should be a valid dictionary (is 3); correct this value"),
        (SALT + "config: {words: 1}\n", "config: the setting 'words' does not say who reads it: write it as project:"),
        ("encryptionsalt: v1:lost\n", "encryptionsalt: is none that Pulumi has written: take the file from its backup"),
        (SALT + SALT, "the key 'encryptionsalt' stands twice"),
    ],
)
def test_what_is_wrong_is_named_where_it_stands(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path, STACK, text)
    with pytest.raises(BadData) as caught:
        stack_files.check(tmp_path, [OTHER, STACK])
    assert str(caught.value).startswith(f"infra/stacks/Pulumi.{STACK}.yaml\n")
    assert says in str(caught.value)
    assert caught.value.exit_code is ExitCode.BAD_DATA


def test_the_problems_of_all_files_are_said_at_once(tmp_path: Path) -> None:
    write(tmp_path, STACK, "config: [")
    write(tmp_path, OTHER, "config: [")
    with pytest.raises(BadData, match="2 problems; nothing was changed"):
        stack_files.check(tmp_path, [STACK, OTHER])
