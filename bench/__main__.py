"""`python -m bench [NAME [OPTION…]]`: run one benchmark, or all that need no lab; write `bench/results/<name>.json`."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import evidence, fleet, model, moves, paths, stacks
from bench.apply import command
from bench.country import measure as country
from bench.pulumi import measure as pulumi
from bench.verify import measure as verify
from province.errors import ExitCode, ProvinceError

RESULTS = Path(__file__).parent / "results"
BENCHMARKS: dict[str, Callable[[Sequence[str]], dict[str, object]]] = {
    "model": lambda _: model.measure(),
    "paths": lambda _: paths.measure(),
    "apply": command.measure,
    "country": country.measure,
    "evidence": evidence.measure,
    "fleet": fleet.measure,
    "moves": moves.measure,
    "pulumi": pulumi.measure,
    "pulumi-scale": pulumi.measure_scale,
    "stacks": lambda _: stacks.measure(),
    "verify": verify.measure,
}
WITHOUT_LAB = ("model", "stacks")
WHOLE = {*WITHOUT_LAB, "country", "evidence", "moves"}
"""Benchmarks of whole provinces: one that is cut to a few communes would give figures of something else."""


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def main() -> None:
    """Run the benchmark that the first argument names with the options after it, or all that need no lab."""
    RESULTS.mkdir(exist_ok=True)
    for name in sys.argv[1:2] or WITHOUT_LAB:
        if name in WHOLE and (size := os.environ.get("PROVINCE_COMMUNES")):
            raise ProvinceError(
                f"PROVINCE_COMMUNES is {size}, and `bench {name}` is about whole provinces",
                hint="unset it; nothing was measured",
                exit_code=ExitCode.USAGE,
            )
        result = {"benchmark": name, "machine": machine(), "figures": BENCHMARKS[name](sys.argv[2:])}
        path = RESULTS / f"{name}.json"
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        print(json.dumps(result, indent=2))


if __name__ == "__main__":
    try:
        main()
    except ProvinceError as error:
        sys.exit(f"{error}")
