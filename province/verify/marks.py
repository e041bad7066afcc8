"""The marks of a host test: which control it checks, and on which hosts it makes sense."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import pytest

from province.errors import ExitCode, ProvinceError
from province.fleet.control import HOST_CLASSES
from province.fleet.fact import RoutingDomain
from province.fleet.hosts import Host
from province.fleet.site import Duty

TestT = TypeVar("TestT", bound=Callable[..., Any])

WORDS = frozenset({*map(str, HOST_CLASSES), *map(str, Duty), *map(str, RoutingDomain), "forwards"})
"""What `@pytest.mark.hosts(...)` understands: classes of hosts, duties, nodes of a domain, `forwards` for routers."""


def control(*numbers: int) -> Callable[[TestT], TestT]:
    """Mark a host test as the check of these security controls.

    The test's docstring is what an auditor reads beside the result, so it must be there.
    """

    def mark(test: TestT) -> TestT:
        if not (test.__doc__ or "").strip():
            raise TypeError(f"{test.__name__} checks control {numbers} but says nothing: write its docstring")
        for number in numbers:
            test = pytest.mark.control(number)(test)
        return test

    return mark


def declared_words(marks: Iterable[Iterable[object]], where: str) -> tuple[frozenset[str], ...]:
    """The words of every `hosts` mark of a test; a host must fit each mark (ProvinceError on an unknown word)."""
    groups = tuple(frozenset(str(word) for word in mark) for mark in marks)
    for word in sorted(frozenset().union(*groups) - WORDS):
        raise ProvinceError(
            f"{where}: @pytest.mark.hosts({word!r}) means no host",
            hint="known: " + ", ".join(sorted(WORDS)),
            exit_code=ExitCode.USAGE,
        )
    return groups


def fits(host: Host, groups: tuple[frozenset[str], ...]) -> bool:
    """Whether a host is meant by all of these groups of words; no group means every host."""
    own = {host.host_class, *map(str, host.duties)} | ({"forwards"} if host.forwards else set())
    own |= {str(host.routing_domain)} if host.routing_domain else set()
    return all(own & group for group in groups)
