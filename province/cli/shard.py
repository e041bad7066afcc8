"""`province shard`: one roll-out in several processes that share a store of objects, on one machine or on many."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from province.cli.apply import confirm
from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.load import COMMUNES_VARIABLE, SPARE_VARIABLE, load_fleet
from province.fleet.rooms import RUNNER, SHARDS
from province.fleet.site import Site
from province.locking import Holder, hold
from province.manifest.build import Builder
from province.manifest.rendering import Rendering
from province.manifest.trust import load_trust
from province.ops.node_ssh import SshContact
from province.ops.workplace import Workplace
from province.rollout.controller import Controller, Intent, code_of, moved_since, runs_of
from province.rollout.entries import Asked
from province.rollout.leave import with_leave
from province.rollout.plan import described, make_plan
from province.rollout.real_hands import RealHands
from province.rollout.state import Run
from province.shards import secrets
from province.shards.aggregate import Standing, end_state, fail, standings
from province.shards.carried import bring
from province.shards.conduct import Patience, run_shard
from province.shards.evidence import EvidenceToStore
from province.shards.journal import StoreJournal
from province.shards.kubernetes import Order, check_order, job, runner_of
from province.shards.local import Local
from province.shards.store import Store
from province.verify.selection import select_hosts
from province.whoami import operator

app = typer.Typer(no_args_is_help=True)

Where = Annotated[str | None, typer.Option("--site", help="In whose cluster; at the primary site by default.")]

Place = Annotated[str, typer.Option("--store", help="A folder, or a URL such as s3://bucket/run; one for every run.")]


@app.command()
def begin(
    store: Place,
    reason: Annotated[str, typer.Option(help="Why; every host and the journal write it down.")],
    of: Annotated[int, typer.Option(min=1, help="How many shards.")],
    words: Annotated[list[str] | None, typer.Argument(help="Only these hosts; all by default.")] = None,
    ticket: Annotated[str, typer.Option(help="Where it was asked for.")] = "",
    environment: Environment = "lab",
    yes_hosts: Annotated[int | None, typer.Option(help="The number of hosts that shall change, for scripts.")] = None,
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Go over windows and freezes; needs --ticket.")
    ] = False,
) -> None:
    """Ask every host what would change, and begin a run of it in the store; its shards then do it."""
    fleet = load_fleet(environment)
    work = Workplace.of(fleet)
    controller = Controller(work, fleet, lambda *_: None, _to_stderr)
    with controller.alone(reason):
        controller.refuse_unfinished()
        plan = make_plan(Rendering.of(fleet), select_hosts(fleet, words or ()), SshContact)
        typer.echo("\n".join(described(plan, whole=False)))
        touched = [fleet.hosts[one.host] for one in plan.differing]
        intent = with_leave(fleet, touched, datetime.now(UTC), Intent(reason, ticket), emergency=emergency)
        confirm(len(plan.differing), yes_hosts)
        begun = controller.begun(controller.ordered(plan), plan, intent)
        StoreJournal.begin(Store.at(store), begun, of)
    typer.echo(f"run {begun.run}: {len(begun.hosts)} hosts in {of} shards; province shard local --store {store}")


@app.command()
def run(
    store: Place,
    index: Annotated[int, typer.Option(min=0, envvar="JOB_COMPLETION_INDEX", help="Which shard, from 0.")],
    patience_s: Annotated[float, typer.Option(min=0, help="How long other shards may say nothing; 0: for ever.")] = 0,
) -> None:
    """Do one shard's part of a run, until the run is over; ends well however the run does, see `status` for that.

    Started again after it was killed, it goes on.
    """
    place = Store.at(store)
    journal = StoreJournal(place)
    if index >= journal.count:
        raise ProvinceError(f"there is no shard {index} of {journal.count}", exit_code=ExitCode.USAGE)
    fleet = load_fleet(journal.run.begun.environment)
    try:
        refuse_moved(journal.run, fleet)
        work = Workplace.of(fleet)
        folder = runs_of(work) / "shards" / f"{journal.run.id}-{index}"
        folder.mkdir(parents=True, exist_ok=True)
        with hold(folder / "lock", Holder.this_process(f"shard {index}"), _to_stderr) as lock:
            hands = RealHands(work, fleet, journal.run.begun, folder, lock.descriptor)
            mine = {host for host, shard in journal.of.items() if shard == index}
            run_shard(journal, EvidenceToStore(hands, place), mine, Patience(patience_s))
    except ProvinceError as error:
        fail(place, index, str(error))
        raise


@app.command()
def local(
    store: Place,
    tries: Annotated[int, typer.Option(min=1, help="How often a shard is started that fails or is killed.")] = 5,
    as_json: Json = False,
) -> None:
    """Run all shards as processes of this machine, and say what the run came to."""
    count = StoreJournal(Store.at(store)).count
    command = [sys.executable, "-m", "province", "shard", "run", "--store", store, "--index"]
    if lost := Local(lambda index: [*command, str(index)], count, tries).run():
        sys.stderr.write(f"shards {' '.join(map(str, lost))} could not go on; the others were stopped\n")
    _say(store, as_json=as_json)


@app.command()
def kubernetes(store: Place, site: Where = None) -> None:
    """Print the Job that runs all shards of a run in a cluster, from the site's template on standard input.

    The run's checkout goes into its store first, and the Job names it by its digest.

    kubectl get cronjob shards -n fleet-runner -o json | province shard kubernetes --store … | kubectl create -f -
    """
    place = Store.at(store)
    journal = StoreJournal(place)
    fleet = load_fleet(journal.run.begun.environment)
    check_order(fleet, _site(fleet, site), journal.run.id, store, journal.count)
    template = _template(sys.stdin.read())
    sized = {name: os.environ[name] for name in (COMMUNES_VARIABLE, SPARE_VARIABLE) if os.environ.get(name)}
    print_json(job(template, Order(journal.run.id, store, journal.count, bring(fleet, place), sized)))


@app.command()
def lend(store: Place, site: Where = None) -> None:
    """Give the pods of a run what opens hosts and store, as secrets of the cluster, before its Job is made.

    The key is new and its certificate ends after a day. The store's key is that of AWS_ACCESS_KEY_ID and
    AWS_SECRET_ACCESS_KEY.
    """
    run = StoreJournal(Store.at(store)).run
    fleet = load_fleet(run.begun.environment)
    place = _site(fleet, site)
    _, reached = runner_of(fleet, place)
    names = secrets.lend(Workplace.of(fleet), fleet, place, reached, run.id, os.environ)
    typer.echo(f"lent to run {run.id} at {place.id}: {' '.join(names)}; after it: province shard take-back")


@app.command()
def take_back(environment: Environment = "lab", site: Where = None) -> None:
    """Take the secrets of runs away from a cluster again; refused while a Job of shards is at work there."""
    fleet = load_fleet(environment)
    place = _site(fleet, site)
    names = secrets.take_back(Workplace.of(fleet), place)
    typer.echo(f"taken back at {place.id}: {' '.join(names) or 'nothing was lent'}")


@app.command()
def status(
    store: Place, into: Annotated[Path | None, typer.Option(help="Write the end state.")] = None, as_json: Json = False
) -> None:
    """Say how far a run is and which shards it waits for: missing ones have not said why, failed ones have.

    Exit 1 when a host or a shard failed, 4 when hosts were out of reach, 9 while the run waits for a missing shard.
    """
    if into:
        journal = StoreJournal(Store.at(store))
        journal.look()
        into.write_bytes(end_state(journal.run))
    _say(store, as_json=as_json)


@app.command()
def abort(store: Place) -> None:
    """End a run: every shard takes back what is not proven on its hosts. They have to be at work, or started again."""
    journal = StoreJournal(Store.at(store))
    journal.add(Asked(time=datetime.now(UTC), wish="abort", who=operator()))
    typer.echo(f"run {journal.run.id} ends once its shards have heard of it: province shard status --store {store}")


def refuse_moved(run: Run, fleet: Fleet) -> None:
    """Raise ProvinceError when hosts would get something else from this checkout than what was planned."""
    if moved := moved_since(run, Builder(fleet, load_trust(fleet))):
        raise ProvinceError(
            f"the model changed since the run was planned: {' '.join(moved)} would get something else",
            hint=f"check out {run.begun.commit[:12]}",
            exit_code=ExitCode.BAD_DATA,
        )


def _site(fleet: Fleet, name: str | None) -> Site:
    place = fleet.sites.get(name) if name else fleet.primary_site
    if place is None or not place.is_data_centre:
        known = ", ".join(one.id for one in fleet.data_centres)
        raise ProvinceError(f"--site {name}: is no data centre", hint=f"one of {known}", exit_code=ExitCode.USAGE)
    return place


def _template(text: str) -> dict[str, Any]:
    """What kubectl printed; ProvinceError when it is no object of Kubernetes."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ProvinceError(
            f"standard input: {text[:40]!r} is no JSON object",
            hint=f"kubectl get cronjob {SHARDS} --namespace {RUNNER} --output json prints it",
            exit_code=ExitCode.BAD_DATA,
        )
    return found


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _say(store: str, *, as_json: bool) -> None:
    place = Store.at(store)
    journal = StoreJournal(place)
    journal.look()
    found = standings(journal.run, journal.of, journal.count, place)
    if as_json:
        print_json(
            {
                "run": journal.run.id,
                "end": journal.run.ended and journal.run.ended.end,
                "shards": [vars(one) for one in found],
            }
        )
    else:
        for one in found:
            owed = f"  waits for {' '.join(one.owed)}" if one.owed else ""
            typer.echo(
                f"shard {one.index:<4} {one.hosts} hosts  {one.standing}{owed}{'  ' + one.said if one.said else ''}"
            )
        ended = journal.run.ended
        typer.echo(f"run {journal.run.id}: {f'{ended.end} {ended.why}' if ended else 'not over'}")
    if any(one.standing is Standing.FAILED for one in found) or code_of(journal.run) is ExitCode.FAILED:
        raise typer.Exit(int(ExitCode.FAILED))
    if any(one.standing is Standing.MISSING for one in found) or journal.run.ended is None:
        raise typer.Exit(int(ExitCode.STALE))
    if code := code_of(journal.run):
        raise typer.Exit(int(code))
