"""What holds for all tests: the live ones say why when a machine cannot run them."""

from __future__ import annotations

import os

import pytest

NO_LAB = "PROVINCE_NO_LAB"
"""Set by CI, with the reason, on a machine where `province lab probe` says no."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs hosts, or a browser's sandbox, where neither can start; the reason says how to mend that."""
    reason = os.environ.get(NO_LAB)
    if reason:
        for item in items:
            if item.get_closest_marker("lab") or item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=reason))
