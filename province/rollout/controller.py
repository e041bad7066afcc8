"""The controller of an environment's runs: one at a time, begun, resumed, paused or ended; the lock and the folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.locking import Holder, Lock, Locked, hold
from province.manifest.build import Builder
from province.ops.actions.hands import hands_for
from province.ops.workplace import Workplace
from province.rollout import journal
from province.rollout.batches import batches_of
from province.rollout.conduct import Hands, conduct
from province.rollout.entries import APPLY, Begun, Ended, PlannedBatch, Resumed, Wish
from province.rollout.history import state
from province.rollout.journal import FileJournal, Watch
from province.rollout.plan import Plan
from province.rollout.requests import Request
from province.rollout.state import Run
from province.verify.checkout import commit
from province.whoami import operator

Leave = Callable[[list[Host]], tuple[str, ...]]
"""Says what an emergency goes over with these hosts; ProvinceError when they must not be changed now."""


def _any_time(_: list[Host]) -> tuple[str, ...]:
    return ()


UNREADABLE = ("{{", "{%", "{#")
"""Ansible would take these for templates."""


@dataclass(frozen=True)
class Intent:
    """Why a run is made, and what it is about: all of a host, or only some capabilities; `soak` overrules the model.

    `against` names what an emergency goes over (`fleet/calendar.py`).
    """

    reason: str
    ticket: str = ""
    only: tuple[str, ...] = ()
    soak: int | None = None
    against: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could not be written on every host."""
        if not self.reason.strip():
            raise ProvinceError(
                "say why: --reason; every host writes it down, and so does the journal", exit_code=ExitCode.USAGE
            )
        for text in (self.reason, self.ticket):
            if not text.isprintable() or any(sign in text for sign in UNREADABLE):
                raise ProvinceError(
                    "a reason and a ticket are one line of plain text, without {{, {% and {#", exit_code=ExitCode.USAGE
                )


def runs_of(work: Workplace) -> Path:
    """Where an environment keeps its runs."""
    return work.private / "runs"


def all_runs(runs: Path) -> list[Run]:
    """Every run, the oldest first.

    Raises ProvinceError when a journal cannot be read: what is not known must not look as if it had not been.
    """
    return [journal.read_run(folder) for folder in journal.folders(runs)]


@dataclass(frozen=True)
class Order:
    """What an operator's action does: the verb with its arguments, who is together, percent of a batch that may fail.

    An `urgent` one waits for nobody: not for a run that has not ended, nor for the controller of one.
    """

    verb: str
    arguments: Mapping[str, str]
    batches: tuple[PlannedBatch, ...]
    failed_budget: float
    urgent: bool = False


@dataclass(frozen=True)
class Controller:
    """One environment's desk; `watch` hears of every line of a run, `waits` of what is waited for."""

    work: Workplace
    fleet: Fleet
    watch: Watch
    waits: Callable[[str], None]
    hands: Callable[..., Hands] = hands_for

    @property
    def runs(self) -> Path:
        """Where the runs lie."""
        return runs_of(self.work)

    @contextmanager
    def alone(self, what: str, *, patient: bool = False, urgent: bool = False) -> Iterator[Lock]:
        """Be the only controller of this environment; `patient`: wait for what a dead one had started.

        An `urgent` one is the only one of its kind, beside any other.

        Raises Locked, which names the other one.
        """
        with hold(
            self.runs / ("lock-urgent" if urgent else "lock"),
            Holder.this_process(what),
            self.waits if patient else None,
        ) as lock:
            if lock.left_over:
                self.waits(f"the controller before this one was killed: {lock.left_over.said(datetime.now(UTC))}")
            yield lock

    def refuse_unfinished(self) -> None:
        """Raise ProvinceError when a run has not ended: what it is about must not be changed beside it."""
        if folder := self._unfinished():
            run = journal.read_run(folder)
            raise ProvinceError(
                f"run {run.id} of {run.begun.who} ({run.begun.reason}) is {state(run)}; nothing was changed",
                hint=f"province apply --resume goes on with it, province runs abort {run.id} ends it",
            )

    def begin(self, plan: Plan, intent: Intent, lock: Lock) -> Run:
        """Make what is planned so, in batches."""
        return self.carry_out(self.ordered(plan), plan, intent, lock)

    def ordered(self, plan: Plan) -> Order:
        """That what is planned shall be so."""
        batches = batches_of(self.fleet, [self.fleet.hosts[one.host] for one in plan.differing])
        return Order(APPLY, {}, batches, self.fleet.province.rollout.failed_budget)

    def carry_out(self, order: Order, plan: Plan, intent: Intent, lock: Lock) -> Run:
        """Do what is ordered to the hosts of a plan, in batches."""
        return self._conduct(FileJournal.begin(self.runs, self.begun(order, plan, intent), self.watch), lock)

    def begun(self, order: Order, plan: Plan, intent: Intent) -> Begun:
        """The first line of a run, with a new name."""
        return Begun(
            time=datetime.now(UTC),
            run=journal.new_run(),
            environment=self.work.environment,
            who=operator(),
            reason=intent.reason,
            ticket=intent.ticket,
            commit=commit(self.work.checkout),
            only=intent.only,
            verb=order.verb,
            arguments=dict(order.arguments),
            against=intent.against,
            urgent=order.urgent,
            batches=tuple(_soaked(batch, intent.soak) for batch in order.batches),
            digests=plan.digests,
            as_declared=plan.as_declared,
            lost=plan.lost,
            failed_budget=order.failed_budget,
            unreachable_budget=self.fleet.province.rollout.unreachable_budget,
        )

    def resume(self, lock: Lock, builder: Builder, leave: Leave = _any_time) -> Run:
        """Go on with the run that has not ended; `leave` is asked whether its hosts may be changed now.

        Raises ProvinceError when there is none, or when the model wants something else by now than what was planned.
        """
        folder = self._unfinished()
        if folder is None:
            raise ProvinceError("no run waits to be resumed", exit_code=ExitCode.NOTHING_SELECTED)
        run = journal.read_run(folder)
        if run.begun.verb == APPLY and (moved := moved_since(run, builder)):
            raise ProvinceError(
                f"the model changed since run {run.id} was planned: {' '.join(moved)} would get something else",
                hint=f"check out {run.begun.commit[:12]} and resume it, or end it: province runs abort {run.id}",
            )
        hosts = [self.fleet.hosts[name] for name in coming(run) if name in self.fleet.hosts]
        return self._go_on(folder, lock, leave(hosts))

    def ask(self, name: str, wish: Wish) -> Run | None:
        """Ask a run to pause or to end; the run as it is then, or None when its own controller has to do it.

        Without a controller at work an abort is done here. Raises ProvinceError when there is nothing to ask for.
        """
        folder = journal.find(self.runs, name)
        run = journal.read_run(folder)
        if run.ended:
            raise ProvinceError(f"run {run.id} has ended: {run.ended.end}", exit_code=ExitCode.USAGE)
        try:
            with self.alone(f"{wish} run {run.id}", patient=True, urgent=run.begun.urgent) as lock:
                if wish == "pause":
                    raise ProvinceError(
                        f"nobody conducts run {run.id}: it is {state(run)}", hint="province apply --resume goes on"
                    )
                Request(folder).put(wish, operator())
                return self._go_on(folder, lock)
        except Locked:
            Request(folder).put(wish, operator())
            return None

    def _go_on(self, folder: Path, lock: Lock, against: tuple[str, ...] = ()) -> Run:
        opened = FileJournal.resume(folder, self.watch)
        request = Request(folder)
        if (wish := request.take()) and wish[0] == "pause":  # it was for the controller before
            request.drop()
        opened.add(Resumed(time=datetime.now(UTC), who=operator(), against=against))
        return self._conduct(opened, lock)

    def _conduct(self, opened: FileJournal, lock: Lock) -> Run:
        run = opened.run
        try:
            return conduct(opened, self.hands(self.work, self.fleet, run.begun, opened.folder, lock.descriptor))
        except KeyboardInterrupt:
            raise _broken_off(run, "interrupted") from None
        except OSError as error:
            raise _broken_off(run, f"{error.filename or opened.folder}: {error.strerror}") from None
        finally:
            opened.close()

    def _unfinished(self) -> Path | None:
        """The newest run that others wait for; only journals that could matter are read whole."""
        return next((one for one in reversed(journal.folders(self.runs)) if not _is_over(one)), None)


def _broken_off(run: Run, why: str) -> ProvinceError:
    """A run that could not go on here; nothing of it is lost."""
    return ProvinceError(
        f"{why}; what run {run.id} did is written down",
        hint=f"province apply --resume goes on, province runs abort {run.id} takes back what is not proven",
    )


def coming(run: Run) -> list[str]:
    """The hosts with a turn to come."""
    return [host for batch in run.batches if not batch.ended for host in batch.plan.hosts]


def moved_since(run: Run, builder: Builder) -> list[str]:
    """The hosts with a turn to come for which the model wants something else than when the run was planned."""
    hosts = builder.fleet.hosts
    return [
        name
        for name in coming(run)
        if name not in hosts
        or builder.build(hosts[name], only=run.begun.only).digest != run.begun.digests.get(name, "")
    ]


def code_of(run: Run) -> ExitCode:
    """The exit code of a run: failed before unreachable; one that somebody paused is no failure."""
    if run.ended is None:
        return ExitCode.OK
    if run.failed or run.ended.end in ("failed", "aborted"):
        return ExitCode.FAILED
    return ExitCode.UNREACHABLE if run.unreachable or run.begun.lost or run.ended.end == "stopped" else ExitCode.OK


def _soaked(batch: PlannedBatch, soak: int | None) -> PlannedBatch:
    return batch if soak is None else batch.model_copy(update={"soak_seconds": soak})


def _is_over(folder: Path) -> bool:
    """Whether nobody has to wait for a run: it has ended, or never was in anybody's way."""
    first, *_ = entries = journal.read(folder)
    return isinstance(entries[-1], Ended) or (isinstance(first, Begun) and first.urgent)
