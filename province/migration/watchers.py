"""A trigger's figure: by both sides, or asked of those that watch the new site."""

from __future__ import annotations

import json
import math
import shlex
import subprocess
from collections.abc import Sequence

from province.errors import ExitCode, ProvinceError
from province.fleet.migration import Move, Trigger
from province.fleet.old_sides import Watcher
from province.migration.hands import AllHands

PATIENCE_S = 30


def figure(hands: AllHands, watchers: Sequence[Watcher], move: Move, trigger: Trigger) -> float | None:
    """The figure of a move's trigger now; None when nobody can tell."""
    if trigger.compares:
        return hands.strayed(move)
    return asked(watchers, trigger.asks) if trigger.asks else None


def asked(watchers: Sequence[Watcher], question: str) -> float | None:
    """The worst that any of them answers; None where all of them are silent, or have nothing that was asked for.

    Raises ProvinceError for a question that a watcher does not understand, and for an answer of several figures.
    """
    answers = [answer for one in watchers if (answer := _answer(one, question)) is not None]
    return max(answers, default=None)


def _answer(watcher: Watcher, question: str) -> float | None:
    words = ["promtool", "query", "instant", "-o", "json", watcher.url, question]
    if watcher.host:
        words = ["ssh", "-oBatchMode=yes", watcher.host, shlex.join(words)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        if "parse error" in done.stderr:
            raise ProvinceError(
                f"{watcher.url}: {done.stderr.strip()}",
                hint="mend `trigger.asks` in migration/moves.yml",
                exit_code=ExitCode.BAD_DATA,
            )
        return None
    found = json.loads(done.stdout)
    if len(found) > 1:
        raise ProvinceError(
            f"{watcher.url}: {len(found)} figures answer {question!r}",
            hint="a trigger has one: put sum() or max() around it in migration/moves.yml",
            exit_code=ExitCode.BAD_DATA,
        )
    value = float(found[0]["value"][1]) if found else math.nan
    # Nothing of nothing: nobody sent a request that could have failed.
    return None if math.isnan(value) else value
