"""`province incident`: what happened, who must hear of it by when, the drafts, and everything in one folder."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from province.bundle.sums import SUMS
from province.cli.bundle import tell
from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.calendar import LOCAL
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.incident import annual, bundle, intake
from province.incident.entry import Gravity, Later, Layer, Noted, Notice
from province.incident.incident import Incident
from province.incident.notice import draft
from province.incident.store import Store
from province.incident.telling import body, lines, timeline, whom_to_call
from province.incident.terms import hours_of, late, terms_of
from province.manifest.trust import Trust, load_trust
from province.ops.workplace import Workplace

app = typer.Typer(no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The incident's id, as `open` printed it.")]
By = Annotated[str, typer.Option(help="Who says so; the account on this machine by default.")]
Kept = Annotated[
    Path | None,
    typer.Option(envvar="PROVINCE_INCIDENTS", help="Folder of all environments' incidents; else private files."),
]
Exercise = Annotated[bool, typer.Option("--exercise", help="Exercises, which are kept apart, and nothing else.")]
Names = Annotated[list[str] | None, typer.Option(help="May be given several times.")]


@app.command("open")
def open_(
    gravity: Annotated[Gravity, typer.Option(help="Only a serious incident has terms.")],
    layer: Annotated[Layer, typer.Option(help="Which layer of protection found it.")],
    what: Annotated[str, typer.Option(help="What happened, for the drafts: nothing that leads to a citizen.")],
    detected: Annotated[str, typer.Option(help="When it was found out: 2026-11-26T07:30, local.")],
    reporter: Annotated[str, typer.Option(help="Who reported it; stays in the register.")],
    reason: Annotated[str, typer.Option(help="Why it is of this gravity; stays in the register.")],
    host: Names = None,
    system: Names = None,
    commune: Names = None,
    exercise: Annotated[bool, typer.Option("--exercise", help="It is only played.")] = False,
    by: By = "",
    environment: Environment = "lab",
    store: Kept = None,
    as_json: Json = False,
) -> None:
    """Open an incident; its terms count from the detection."""
    fleet, now = load_fleet(environment), _now()
    claim = intake.Claim(
        gravity, layer, what, tuple(host or ()), tuple(system or ()), tuple(commune or ()), detected, reporter, reason
    )
    made = Store(_root(fleet, store), exercise).open(
        lambda id_: intake.opened(fleet, claim, id_, by=_who(by), now=now), now
    )
    _say(fleet, made, now, as_json)
    if not as_json:
        typer.echo(whom_to_call(fleet, made))


@app.command("note")
def note(
    incident: Id,
    text: Annotated[str, typer.Option(help="What was seen or done.")],
    public: Annotated[
        bool, typer.Option("--public", help="Drafts repeat it: nothing that leads to a citizen.")
    ] = False,
    gravity: Annotated[Gravity | None, typer.Option(help="It is of another gravity; the text says why.")] = None,
    by: By = "",
    environment: Environment = "lab",
    store: Kept = None,
    as_json: Json = False,
) -> None:
    """Add a line to the timeline, also after the end."""
    made = intake.noted(text, by=_who(by), now=_now(), public=public, gravity=gravity)
    _add(incident, environment, store, as_json, lambda _: made)


@app.command("close")
def close(
    incident: Id,
    cause: Annotated[str, typer.Option(help="Why it happened, for the report.")],
    remedy: Annotated[str, typer.Option(help="What was done against it, for the report.")],
    by: By = "",
    environment: Environment = "lab",
    store: Kept = None,
    as_json: Json = False,
) -> None:
    """End an incident with its cause and remedy; what was not sent yet stays due."""
    made = intake.closed(cause, remedy, by=_who(by), now=_now())
    _add(incident, environment, store, as_json, lambda _: made)


@app.command("list")
def list_(
    due: Annotated[bool, typer.Option("--due", help="Only what waits for a report; exit 10 when one is late.")] = False,
    exercise: Exercise = False,
    environment: Environment = "lab",
    store: Kept = None,
    as_json: Json = False,
) -> None:
    """List incidents with what is due; exit 3 when a file was changed or removed."""
    fleet, now = load_fleet(environment), _now()
    found, hours = Store(_root(fleet, store), exercise).all(), hours_of(fleet.registers)
    chosen = [one for one in found.incidents if not due or any(term.sent is None for term in terms_of(one, hours))]
    if as_json:
        print_json(
            {"incidents": [body(one, hours, now) for one in chosen], "problems": [str(one) for one in found.problems]}
        )
    else:
        for one in chosen:
            typer.echo("\n".join(lines(one, hours, now)))
        overdue = sum(late(one, hours, now) for one in chosen)
        typer.echo(f"{'exercises' if exercise else 'incidents'}: {len(chosen)}, with a report that is late: {overdue}")
        for problem in found.problems:
            typer.echo(str(problem), err=True)
    if found.problems:
        raise typer.Exit(int(ExitCode.BAD_DATA))
    if due and any(late(one, hours, now) for one in chosen):
        raise typer.Exit(int(ExitCode.LATE))


@app.command("show")
def show(incident: Id, environment: Environment = "lab", store: Kept = None, as_json: Json = False) -> None:
    """Show one incident: what is due, and its timeline."""
    fleet, now = load_fleet(environment), _now()
    found, hours = Store.holding(_root(fleet, store), incident).get(incident), hours_of(fleet.registers)
    if as_json:
        entries = [one.model_dump(mode="json") for one in (found.opened, *found.later)]
        print_json(body(found, hours, now) | {"timeline": entries})
        return
    typer.echo("\n".join((*lines(found, hours, now), *timeline(found))))


@app.command("notice")
def notice(
    incident: Id,
    final: Annotated[bool, typer.Option("--final", help="The report on the cause, not the first notice.")] = False,
    sent: Annotated[str, typer.Option(help="When it was sent: writes that down instead of drafting.")] = "",
    reference: Annotated[str, typer.Option(help="With --sent: its number in the outgoing mail.")] = "",
    by: By = "",
    environment: Environment = "lab",
    store: Kept = None,
    as_json: Json = False,
) -> None:
    """Draft the notice to the national centre in Vietnamese, or with --sent write down that it was sent."""
    which = Notice.CAUSE if final else Notice.FIRST
    if sent:
        now = _now()
        _add(
            incident,
            environment,
            store,
            as_json,
            lambda one: intake.sent(one, which, sent, reference, by=_who(by), now=now),
        )
        return
    fleet = load_fleet(environment)
    made = draft(fleet, Store.holding(_root(fleet, store), incident).get(incident), which, _now())
    if as_json:
        print_json({"text": made.text, "missing": made.missing})
        return
    typer.echo(made.text, nl=False)
    typer.echo(f"missing: {', '.join(made.missing) or 'nothing'}", err=True)


@app.command("bundle")
def bundle_(
    incident: Annotated[str, typer.Argument(help="The incident's id; not with --verify.")] = "",
    out: Annotated[Path | None, typer.Option(help="A new folder; else one with the private files.")] = None,
    verify: Annotated[Path | None, typer.Option(help="Say what is wrong with this bundle; exit 1 if so.")] = None,
    by: By = "",
    environment: Environment = "lab",
    store: Kept = None,
    as_json: Json = False,
) -> None:
    """Put everything about an incident in one folder; the timeline keeps the checksum that vouches for it."""
    fleet = load_fleet(environment)
    if verify is not None:
        tell(verify, bundle.verify(verify) or bundle.not_noted(verify, _root(fleet, store)), as_json)
        return
    kept, now = Store.holding(_root(fleet, store), incident), _now()
    found = kept.get(incident)
    folder = out or _root(fleet, store) / "bundles" / f"{incident}-{now:%Y%m%dT%H%M%SZ}"
    evidence = Workplace.of(fleet).private / "evidence"
    done = bundle.make(folder, fleet, found, kept.path(incident), evidence, _trust(fleet), now)
    kept.add(incident, Noted(time=now, by=_who(by), text=bundle.remark(done.digest)))
    if as_json:
        print_json({"folder": folder, "sha256": done.digest, "missing": done.missing})
        return
    for one in done.missing:
        typer.echo(f"missing: {one}")
    typer.echo(f"{folder}\nsha256 of {SUMS}: {done.digest}  (noted in the timeline)")


@app.command("report")
def report(
    year: Annotated[
        int | None, typer.Option(min=2000, max=9998, help="The calendar year in which it is due; this one by default.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; else with the private files.")] = None,
    environment: Environment = "lab",
    store: Kept = None,
    as_json: Json = False,
) -> None:
    """Write the annual report: incidents and exercises as CSV, all of it as Markdown in Vietnamese."""
    fleet, now = load_fleet(environment), _now()
    wanted = annual.period(year or now.astimezone(LOCAL).year, annual.yearly_of(fleet.registers))
    both = [Store(_root(fleet, store), exercises).all() for exercises in (False, True)]
    if problems := [one for found in both for one in found.problems]:
        raise ProvinceError("\n".join(map(str, problems)), exit_code=ExitCode.BAD_DATA)
    incidents, exercises = (tuple(filter(wanted.holds, found.incidents)) for found in both)
    folder = out or _root(fleet, store) / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    text = annual.as_markdown(fleet, wanted, incidents, exercises, hours=hours_of(fleet.registers), now=now)
    files = {
        f"incidents-{wanted.year}.csv": annual.as_csv(incidents),
        f"exercises-{wanted.year}.csv": annual.as_csv(exercises),
        f"report-{wanted.year}.md": text,
    }
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8", newline="")
    if as_json:
        counts = {"incidents": len(incidents), "exercises": len(exercises)}
        print_json(vars(wanted) | counts | {"files": [folder / name for name in files]})
        return
    typer.echo(f"{wanted.first} to {wanted.last}: {len(incidents)} incidents, {len(exercises)} exercises")
    typer.echo(f"due {wanted.due}, summary {wanted.summary_due}")
    for name in files:
        typer.echo(str(folder / name))


def _add(id_: str, environment: str, store: Path | None, as_json: bool, make: Callable[[Incident], Later]) -> None:
    fleet = load_fleet(environment)
    kept = Store.holding(_root(fleet, store), id_)
    _say(fleet, kept.add(id_, make(kept.get(id_))), _now(), as_json)


def _say(fleet: Fleet, incident: Incident, now: datetime, as_json: bool) -> None:
    hours = hours_of(fleet.registers)
    if as_json:
        print_json(body(incident, hours, now))
        return
    typer.echo("\n".join((*lines(incident, hours, now), f"chain {incident.head}")))


def _root(fleet: Fleet, store: Path | None) -> Path:
    return store / fleet.environment.id if store else Workplace.of(fleet).private / "incidents"


def _trust(fleet: Fleet) -> Trust | None:
    """The environment's anchors; none where they are not whole, which must not stop a bundle."""
    try:
        return load_trust(fleet)
    except ProvinceError:
        return None


def _who(by: str) -> str:
    return by or f"{getpass.getuser()}@{socket.gethostname()}"


def _now() -> datetime:
    return datetime.now(UTC)
