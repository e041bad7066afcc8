"""A host's transaction: compare, and if anything differs, bring it to the wanted state as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from . import (
    accounts,
    boot,
    files,
    generations,
    guard,
    journal,
    kernel,
    keys,
    ledger,
    packages,
    recovery,
    refusals,
    retire,
    store,
    undo,
    units,
    wanted,
)
from .journal import Journal
from .node import Node, Trouble
from .plan import Order, Plan, Seen, Target, look

NO_PATTERNS: dict[str, list[str]] = {"restart_on": [], "reload_on": []}


class Outcome(NamedTuple):
    """How a run ended. `whole` is all that the host shall be, `armed` the generation that waits for a confirmation."""

    whole: wanted.Wanted
    changes: list[str]
    diff: list[dict[str, str]]
    kept: list[str]
    recovered: str = ""
    armed: int | None = None


def converge(node: Node, order: Order) -> Outcome:
    """Bring the host to the wanted state, after what an unfinished transaction has left there; see `carry_out`."""
    recovered = recovery.before_next(node, order.controller)
    seen = look(node, order, generations.current(node))
    if seen.is_good:
        return Outcome(seen.target.whole, [], [], seen.plan.retired.kept, recovered)
    return carry_out(node, seen, recovered)


def carry_out(node: Node, seen: Seen, recovered: str = "") -> Outcome:
    """Make what differs as it has to be; what fails on the way is put back, and Trouble says why.

    Packages come first, because their programs check the files; then accounts, because they own files. These and
    new keys only add, so they stay when the rest goes back. What cannot come back is removed after the commit.
    """
    target, book, plan = seen
    _refuse(node, target, plan)
    boot.install(node)
    here = _begin(node, target, plan)
    diff = plan.diff()
    try:
        here = _carry_out(node, target, plan, book, here)
    except (Trouble, OSError) as error:
        raise Trouble(recovery.put_back(node, journal.read(node) or here, _said(error))) from None
    except Exception:
        recovery.put_back(node, journal.read(node) or here, "the transaction's own code failed")
        raise
    if not here.guarded:
        commit(node, here)
    armed = here.generation if here.guarded else None
    return Outcome(target.whole, plan.what, diff, plan.retired.kept, recovered, armed)


def confirm(node: Node, generation: int, connection: str) -> None:
    """A new connection has reached the host: the armed transaction becomes the good state, if it is healthy."""
    here = journal.read(node)
    if here is None or here.generation != generation or here.phase != journal.ARMED:
        raise Trouble(f"generation {generation} does not wait for a confirmation{_last_outcome(node)}")
    guard.refuse_same_connection(here, connection)
    whole = wanted.read(generations.manifest(node, generation))
    try:
        units.settle(node, whole.units, whole.health)
    except Trouble as trouble:
        raise Trouble(recovery.put_back(node, here, _said(trouble))) from None
    commit(node, here)


def commit(node: Node, here: Journal) -> None:
    """The point of no return, and then what only it allows."""
    here = journal.write(node, here.at(journal.COMMITTED))
    recovery.write_down(node, here)
    book = ledger.Ledger(node)
    whole = wanted.read(generations.manifest(node, here.generation))
    found = retire.compare(node, whole, book, here.scope)
    retire.apply_late(node, found, book)
    retire.empty_folders(node, book)
    gone = [("folders", name) for name in book.entries["folders"] if not node.path(name).is_dir()]
    for kind, name in [*found.gone, *gone]:
        book.drop(kind, name)
    book.save()
    journal.forget(node)


def _begin(node: Node, target: Target, plan: Plan) -> Journal:
    order = target.order
    begun = Journal(
        generation=generations.begin(node, target.manifest),
        phase=journal.PREPARING,
        digest=wanted.digest(target.manifest),
        since=journal.now(),
        controller=order.controller,
        reason=order.reason,
        connection=order.connection,
        confirm_seconds=order.confirm_seconds,
        scope=target.scope,
        changes=plan.what,
    )
    return journal.write(node, begun)


def _carry_out(node: Node, target: Target, plan: Plan, book: ledger.Ledger, here: Journal) -> Journal:
    part = target.part
    back = undo.Undo(node, here)
    leaving = {action.unit: NO_PATTERNS for action in plan.retired.units}
    _own_early(target, plan, book, node)
    sources = [change for change in plan.files if packages.is_source(change.path)] if plan.packages else []
    live = [key for key, sysctl in part.sysctls.items() if sysctl["live"]]
    back.save([change.path for change in sources], {**leaving, **part.units}, live)
    _own_files(node, target, book, [change.path for change in sources])
    if plan.repair:
        packages.repair(node)
    if plan.packages:
        _install(node, target, plan, book, sources)
    accounts.apply(node, plan.accounts)
    made = keys.apply(node, plan.keys)
    changes = [*files.compare(node, part.files, part.absent), *plan.retired.files]
    changed = sorted({*made, *(change.path for change in (*sources, *changes))})
    actions = units.plan(node, part.units, changed)
    back.save([change.path for change in changes], {}, [])
    _own_files(node, target, book, part.files)
    files.stage(node, changes)
    worked = units.working(node, target.whole.keeps)
    here = _arm(node, target, here, changed, [*actions, *plan.retired.units], book)
    units.apply(node, plan.retired.units, [])
    files.switch(node, changes)
    retire.empty_folders(node, book)
    late = kernel.apply(node, part.sysctls)
    units.apply(node, actions, changed)
    if late and (absent := kernel.apply(node, part.sysctls)):
        raise Trouble(f"the kernel has no such setting: {', '.join(absent)}; is a module missing?")
    units.settle(node, part.units, [*part.health, *worked])
    if here.guarded:
        here = journal.write(node, here.at(journal.ARMED))
        guard.arm(node, here)
    return here


def _arm(
    node: Node, target: Target, here: Journal, changed: list[str], actions: list[units.Action], book: ledger.Ledger
) -> Journal:
    """Start the timer if a capability that may cut the host off is about to change."""
    named = [("files", path) for path in changed] + [("keys", path) for path in changed]
    named += [("units", action.unit) for action in actions]
    touched = {_capability(target, book, kind, name) for kind, name in named}
    guarded = [*target.whole.guarded, *target.guarded_before]
    here = here._replace(phase=journal.SWITCHING, guarded=sorted(touched & set(guarded)))
    if here.guarded:
        guard.arm(node, here, more=guard.SWITCH_SECONDS)
    return journal.write(node, here)


def _capability(target: Target, book: ledger.Ledger, kind: str, name: str) -> str:
    owned = str(book.entries[kind].get(name, {}).get("capability", ""))
    return target.whole.capability.get((kind, name), owned)


def _install(node: Node, target: Target, plan: Plan, book: ledger.Ledger, sources: list[files.Change]) -> None:
    """Install what is missing; the declared source has to be in place before."""
    files.stage(node, sources)
    files.switch(node, sources)
    before = set(packages.versions(node))
    try:
        alone = packages.install(node, plan.packages, target.whole.files)
    finally:
        new = sorted(set(packages.versions(node)) - before)
        for name in new:
            owner = target.whole.capability.get(
                ("packages", name), target.whole.capability[("packages", plan.packages[0])]
            )
            book.put("packages", name, owner, asked=name in plan.packages)
        book.save()
    if alone:
        units.bring_up(node, packages.brought_units(node, new), target.whole.units)


def _own_early(target: Target, plan: Plan, book: ledger.Ledger, node: Node) -> None:
    """Write down what is about to be ours, and how units are before we have them."""
    of = target.part.capability
    for name in plan.packages:
        book.put("packages", name, of[("packages", name)], asked=True)
    for change in plan.accounts:
        if change.made:
            book.put(*change.made, of[change.made])
    for path, key in target.part.keys.items():
        _own_folders(node, path, of[("keys", path)], book)
        book.put("keys", path, of[("keys", path)], public=key["public"])
    for name, seen in units.look(node, list(target.part.units)).items():
        book.put("units", name, of[("units", name)], enabled=seen.enabled, active=units.is_active(seen))
    book.save()


def _own_files(node: Node, target: Target, book: ledger.Ledger, paths: Iterable[str]) -> None:
    """These files are ours from now on; what somebody else has put there is kept the first time."""
    for path in paths:
        if path not in book.entries["files"] and path in target.part.files:
            _own_folders(node, path, target.part.capability[("files", path)], book)
            theirs = files.content(node.path(path)) != target.part.files[path]["content"].encode()
            original = ledger.keep_original(node, path) if theirs else None
            book.put("files", path, target.part.capability[("files", path)], original=original)
        elif path in target.part.files:
            book.put("files", path, target.part.capability[("files", path)])
    book.save()


def _own_folders(node: Node, path: str, capability: str, book: ledger.Ledger) -> None:
    """The folders that have to be made for a path are ours."""
    for name in undo.missing_folders(node, path):
        book.put("folders", name, capability)


def _refuse(node: Node, target: Target, plan: Plan) -> None:
    sizes = {change.path: len(change.after or b"") for change in (*plan.files, *plan.retired.files)}
    certificates = any(change.key["kind"] == "x509-ec" for change in plan.keys)
    installs = [*plan.packages, *plan.retired.packages, *(["dpkg"] if plan.repair else [])]
    refusals.check(node, target.part, sizes, installs, target.order.time, certificates)


def _last_outcome(node: Node) -> str:
    found = store.load(node, store.OUTCOME)
    return f": it was put back at {found['time']}: {found['why']}" if found else ""


def _said(error: Exception) -> str:
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
