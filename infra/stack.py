"""The name of a stack says what it is: `<environment>.<site>.<layer>`, such as `lab.rach-gia.platform`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from province.errors import ExitCode, ProvinceError
from province.fleet.findings import nearest

PARTS = 3


@dataclass(frozen=True, order=True)
class StackName:
    """One stack: one layer of one site's cluster, as one environment sees it."""

    environment: str
    site: str
    layer: str

    def __str__(self) -> str:
        return f"{self.environment}.{self.site}.{self.layer}"


def parse(name: str, valid: Iterable[StackName]) -> StackName:
    """The stack with this name; `valid` is read no further than needed.

    Raises ProvinceError that names the nearest of the `valid` stacks when there is none.
    """
    names = []
    for stack in valid:
        if str(stack) == name:
            return stack
        names.append(str(stack))
    guess = nearest(name, names)
    problem = "no such stack" if name.count(".") == PARTS - 1 else "not <environment>.<site>.<layer>"
    hint = f'did you mean "{guess}"?' if guess else "stacks: " + ", ".join(sorted(names))
    raise ProvinceError(f"stack {name!r}: {problem}", hint=hint, exit_code=ExitCode.USAGE)
