"""The results of all benchmarks as they lie in `bench/results`, and what several readers want of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from province.docs import page

CHECKOUT = Path(__file__).resolve().parents[2]

Results = Mapping[str, Any]
"""The content of `bench/results/<name>.json` by name."""


@dataclass(frozen=True)
class Aim:
    """A goal that was set for a benchmark before it ran, and what was found."""

    benchmark: str
    what: str
    limit: float
    at_least: bool
    found: float
    met: bool

    @property
    def asked(self) -> str:
        """The limit as people write it."""
        return f"{'≥' if self.at_least else '≤'} {plain(self.limit)}"


def read_results() -> Results:
    """Every result that there is, by the benchmark's name."""
    found = sorted((CHECKOUT / "bench" / "results").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in found}


def aims(results: Results) -> list[Aim]:
    """The goals of all benchmarks, those of one together."""
    return [one for name, result in results.items() for one in _aims(name, result["figures"].get("goals", []))]


def _aims(name: str, goals: Iterable[Mapping[str, Any]]) -> Iterable[Aim]:
    for goal in goals:
        at_least = "at_least" in goal
        limit = goal["at_least"] if at_least else goal["at_most"]
        yield Aim(name, goal["what"], limit, at_least, goal["found"], goal["met"])


def plain(number: float) -> str:
    """A figure with as many digits as it deserves."""
    if number == int(number) or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of Markdown."""
    return "\n".join(page.table(columns, rows))
