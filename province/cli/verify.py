"""`province verify` and `province report`: are the hosts as declared, and how does that look on paper."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from province.cli.options import Environment, Json, Language, print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.load import load_fleet
from province.migration.book import book_of
from province.ops.workplace import Workplace
from province.verify.evidence import ROUTINE
from province.verify.ledger import read_ledger
from province.verify.report import build_report
from province.verify.run import verify as run_verification
from province.verify.standing import recent, run_files


def verify(
    environment: Environment = "lab",
    select: Annotated[list[str] | None, typer.Option(help="Hosts, classes, sites or waves; all by default.")] = None,
    retention: Annotated[str, typer.Option(help="How long to keep it: a class of province.yml.")] = ROUTINE,
    as_json: Json = False,
) -> None:
    """Run the host tests against every selected host and record evidence."""
    work = Workplace.of(load_fleet(environment))
    result = run_verification(
        environment,
        select or (),
        enter=work.words([]),
        arguments=[f"--retention={retention}"],
        output=sys.stderr if as_json else None,
    )
    if as_json:
        print_json(
            {
                "counts": {str(outcome): count for outcome, count in result.counts.items()},
                "unreachable": result.unreachable,
                "evidence": result.evidence,
                "exit_code": int(result.exit_code),
            }
        )
    else:
        typer.echo(", ".join(f"{count} {outcome}" for outcome, count in result.counts.items()))
        if result.evidence:
            typer.echo(f"evidence: {result.evidence}")
    if result.exit_code:
        raise typer.Exit(int(result.exit_code))


def report(environment: Environment = "lab", lang: Language = "vi", as_json: Json = False) -> None:
    """Write the report of the newest evidence as static pages and print its path."""
    fleet = load_fleet(environment)
    work = Workplace.of(fleet)
    files = run_files(work.private / "evidence")
    if not files:
        raise ProvinceError(
            f"no evidence of {environment}", hint="run `province verify` first", exit_code=ExitCode.NOTHING_SELECTED
        )
    evidence = recent(work.private / "evidence", fleet.hosts)
    page = build_report(
        fleet,
        [one.path for one in evidence],
        work.private / "reports",
        lang,
        ledger=read_ledger(work.private / "evidence"),
        proofs=tuple(book_of(fleet).read()),
    )
    if as_json:
        print_json({"report": page, "evidence": files[-1]})
    else:
        typer.echo(f"{page}")
