"""What the model costs over a whole country, in one process: courses over one province, some, and all of them.

Nothing but the model is run: no lab, no host, no network. On a machine that other work shares, one round at a time
(`--rounds 1`, then `--more`) is fairer than all at once; every round keeps what it saw.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from bench.country.figures import Result, Round, summary
from bench.country.synthetic import country, read_pattern, write
from province.fleet.load import inventories_root

COURSES = (1, 9, 34)
"""Provinces of each course: 204 nodes, 1,792, and all 6,642."""

SAMPLE = 6
"""Nodes of each province that are rendered: all of them are as alike as those of a real one."""

RESULT = Path(__file__).parents[1] / "results" / "country.json"
_ROUNDS = TypeAdapter(list[list[Result]])


def measure(words: Sequence[str]) -> dict[str, object]:
    """Seconds, processor time and memory of every stage, for each course; medians over the rounds."""
    parser = argparse.ArgumentParser(prog="python -m bench country")
    parser.add_argument("--rounds", type=int, default=3, help="how often every course is run (default: 3)")
    parser.add_argument("--more", action="store_true", help="add these rounds to those of the result that is there")
    parser.add_argument("--courses", type=int, nargs="+", default=COURSES, help="provinces of each (default: 1 9 34)")
    options = parser.parse_args(words)
    rounds: list[list[Result]] = []
    if options.more:
        rounds = _ROUNDS.validate_python(json.loads(RESULT.read_text(encoding="utf-8"))["figures"]["seen"])
    with tempfile.TemporaryDirectory(prefix="province-country-") as place:
        write(Path(place), read_pattern(inventories_root()), country()[: max(options.courses)])
        for _ in range(options.rounds):
            rounds.append([_course(Path(place), provinces) for provinces in options.courses])
    return {**summary(_checked(rounds)), "seen": _ROUNDS.dump_python(rounds)}


def _course(root: Path, provinces: int) -> Result:
    command = [sys.executable, "-m", "bench.country.course", str(root), str(provinces), str(SAMPLE)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Result.model_validate_json(done.stdout)


def _checked(rounds: Sequence[Round]) -> Sequence[Round]:
    """The rounds, as long as no two provinces claim the same: figures of a wrong country say nothing."""
    if any(course.clashes for one in rounds for course in one):
        raise RuntimeError("two provinces have the same name, address or number: bench/country/synthetic.py")
    return rounds
