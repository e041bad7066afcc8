"""Queues of a device as the kernel reports them (tc-htb(8)), in a form to compare with the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

RATES = "tc class show dev %s"

Rates = dict[str, tuple[int, int]]
"""Guaranteed and greatest rate by queue (`1:12`), kilobit per second."""

UNITS = {"bit": 0.001, "Kbit": 1, "Mbit": 1_000, "Gbit": 1_000_000}
LINE = re.compile(r"^class htb (\S+) .*?rate ([\d.]+)([KMG]?bit) .*?ceil ([\d.]+)([KMG]?bit)", re.MULTILINE)


def parse_rates(text: str) -> Rates:
    """The output of `tc class show`."""
    return {
        name: (round(float(rate) * UNITS[unit]), round(float(ceiling) * UNITS[greatest]))
        for name, rate, unit, ceiling, greatest in LINE.findall(text)
    }


def expected_rates(queues: Iterable[Mapping[str, Any]]) -> dict[str, Rates]:
    """The rates of every device that the model gives queues."""
    return {
        str(queue["device"]): {
            one["queue"]: (one["kbit"], line["kbit"])
            for line in queue["lines"]
            for one in ({"queue": line["queue"], "kbit": line["kbit"]}, *line["classes"])
        }
        for queue in queues
    }
