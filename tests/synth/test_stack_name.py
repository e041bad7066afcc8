"""A stack's name leads to one layer of one cluster, and a wrong one to the right one."""

from __future__ import annotations

import pytest

from infra.stack import StackName, parse
from province.errors import ExitCode, ProvinceError

VALID = [
    StackName(environment, site, layer)
    for environment in ("lab", "production")
    for site in ("north", "south")
    for layer in ("cluster", "systems")
]


def test_a_valid_name_is_taken_apart() -> None:
    stack = parse("production.south.systems", VALID)
    assert (stack.environment, stack.site, stack.layer) == ("production", "south", "systems")
    assert str(stack) == "production.south.systems"


@pytest.mark.parametrize(
    ("name", "problem", "nearest"),
    [
        ("lab.nort.systems", "no such stack", "lab.north.systems"),
        ("lab.north.system", "no such stack", "lab.north.systems"),
        ("production.south", "not <environment>.<site>.<layer>", "production.south.systems"),
        ("producton.south.systems", "no such stack", "production.south.systems"),
    ],
)
def test_a_wrong_name_is_one_error_with_the_nearest_stack(name: str, problem: str, nearest: str) -> None:
    with pytest.raises(ProvinceError) as caught:
        parse(name, VALID)
    assert caught.value.message == f"stack {name!r}: {problem}"
    assert caught.value.hint == f'did you mean "{nearest}"?'
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_name_that_is_like_no_other_lists_the_stacks() -> None:
    with pytest.raises(ProvinceError) as caught:
        parse("dev", VALID)
    assert caught.value.hint == "stacks: " + ", ".join(sorted(str(stack) for stack in VALID))
