"""How steps of a run look to people and to programs, while they run and when they are done."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import typer

from province.cli.options import print_json
from province.errors import ProvinceError
from province.ops.step import Step, raise_failures
from province.ops.under_way import under_way


def print_step(step: Step) -> None:
    """Write one line for a step, and what belongs to it below."""
    minutes, seconds = divmod(round(step.seconds), 60)
    typer.echo(f"{step.name:<38} {step.line:<52} {minutes}:{seconds:02d}")
    for detail in step.details:
        typer.echo(f"  {detail}")


def show(steps: Iterable[Step], *, as_json: bool, before: Sequence[Step] = ()) -> list[Step]:
    """Print steps as they come, or all at the end as JSON, after those that were shown `before`.

    Raises ProvinceError at the end with all failures, each with the command to paste.
    """
    done: list[Step] = [*before]
    try:
        for step in steps:
            done.append(step)
            if not as_json:
                print_step(step)
        raise_failures(done)
    except ProvinceError as error:
        if as_json:
            print_json({**_body(done), "error": str(error), "exit_code": int(error.exit_code)})
        raise
    if as_json:
        print_json(_body(done))
    return done


def _body(steps: list[Step]) -> dict[str, object]:
    return {"changed": any(step.changed for step in steps), "steps": [vars(step) for step in steps]}


def to_stderr(name: str, seconds: float, text: str) -> None:
    """Say of a command that takes long what it is doing."""
    sys.stderr.write(f"  {name}  {round(seconds)} s  {under_way(text)}\n")
