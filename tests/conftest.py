"""What holds for all tests: the live ones say why when a machine cannot run them."""

from __future__ import annotations

import os
import sys

import pytest

NO_LAB = "PROVINCE_NO_LAB"
"""Set by CI, with the reason, on a machine where `province lab probe` says no."""


@pytest.fixture(autouse=True)
def _own_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command cuts tracebacks off for its whole process, which here is everybody's; Pulumi reads its own."""
    monkeypatch.setattr(sys, "tracebacklimit", 1000, raising=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs hosts, or a browser's sandbox, where neither can start; the reason says how to mend that."""
    reason = os.environ.get(NO_LAB)
    if reason:
        for item in items:
            if item.get_closest_marker("lab") or item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=reason))
