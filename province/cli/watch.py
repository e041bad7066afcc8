"""A run while it is under way: a table that follows it on a terminal, else a line for each batch that is over."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import typer

from province.rollout.entries import AnyEntry, BatchEnded
from province.rollout.journal import Watch
from province.rollout.state import Run
from province.rollout.view import batch_line, lines

REPORT_EVERY = 10.0
"""Seconds between two lines about a batch that is under way, where there is no terminal."""


class PlainView:
    """Writes lines: results to standard output, what is under way to standard error."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._said = time.monotonic()

    def hear(self, run: Run, entry: AnyEntry) -> None:
        """One more line of the journal."""
        if isinstance(entry, BatchEnded) and not self._quiet:
            typer.echo(batch_line(run, entry.batch, entry.time))
        elif run.open_batch and time.monotonic() - self._said > REPORT_EVERY:
            self._said = time.monotonic()
            sys.stderr.write(f"  {batch_line(run, run.open_batch, datetime.now(UTC))}\n")


@contextmanager
def watching(*, quiet: bool) -> Iterator[Watch]:
    """What hears of every line of a run, and shows it as long as this lasts."""
    if quiet or not sys.stdout.isatty():
        yield PlainView(quiet=quiet).hear
        return
    from rich.live import Live  # noqa: PLC0415 - only a terminal needs it
    from rich.text import Text  # noqa: PLC0415

    seen: list[Run] = []

    def drawn() -> Text:
        return Text("\n".join(lines(seen[-1], datetime.now(UTC))) if seen else "")

    live = Live(get_renderable=drawn, refresh_per_second=2)

    def hear(run: Run, _: AnyEntry) -> None:
        seen[:] = [run]
        live.start()

    try:
        yield hear
    finally:
        live.stop()
