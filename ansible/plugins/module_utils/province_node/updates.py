"""Updates: a host takes the versions of one release of the mirror, whose index was judged first; nothing else comes.

apt itself refuses an index without a good signature, one whose `Valid-Until` is over, and packages with another
checksum than the index says. What apt does not know is which release was meant: that is judged here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from typing import Any, NamedTuple

from . import journal, outdated, packages, store
from .bootstrap import digest_of
from .node import Done, Node, Trouble, make_folders, replace_durably

Request = dict[str, Any]
Answer = dict[str, Any]

FOLDER = f"{store.FOLDER}/updates"
LISTS = f"{FOLDER}/lists"
SOURCE = f"{FOLDER}/release.sources"
HAS = f"{store.FOLDER}/release.json"
"""Which release the host took last, its day and checksum, and when. Not secret."""
ARCHIVES = "/var/cache/apt/archives"
DECLARED = "/etc/apt/sources.list.d/mirror.sources"
HELD = "/etc/apt/preferences.d/held"
REBOOT = "/run/reboot-required"
"""Debian's own mark that a host has to boot anew; it is gone after the boot."""
NO_HOLDS = ("-o", "Dir::Etc::Preferences=/dev/null", "-o", "Dir::Etc::PreferencesParts=/dev/null")
WHOLE = ("--no-install-recommends", "--with-new-pkgs", "upgrade")
"""Newer versions of what is there, and what these newly need (a kernel is a package of its own); nothing is removed."""
CUT_OFF = 124
WRONG = "Hash Sum mismatch"
ANEW = ("-o", "Acquire::http::No-Cache=true")
INSTALLS = re.compile(r"^Inst (?P<name>\S+)(?: \[(?P<old>[^]]+)\])? \((?P<new>\S+)")
FILE = re.compile(r"^'[^']+' \S+ (?P<size>[0-9]+) ")


class Change(NamedTuple):
    """A package that gets another version; `old` is empty for one that is new."""

    name: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.name} {self.old or 'new'} → {self.new}"


def look(node: Node, request: Request) -> Answer:
    """What taking a release would change, after its index was fetched and judged; no package is touched."""
    with node.alone(request["controller"]):
        _index(node, request)
        if packages.interrupted(node):  # apt answers no question before that is mended
            return _told(node, ["finish what is half installed"])
        changes = _changes(node, request)
        return _told(node, changes, _bytes(node) if changes else 0)


def fetch(node: Node, request: Request) -> Answer:
    """Fetch a release's packages, so that only installing them is left; a fetch that was cut off goes on."""
    with node.alone(request["controller"]):
        _index(node, request)
        changes = _changes(node, request)
        _fetch(node)
        return _told(node, changes, _bytes(node))


def take(node: Node, request: Request) -> Answer:
    """Bring the host to a release: versions, then every service that still runs the old ones.

    What an update that was cut short has left half done is finished first.
    """
    with node.alone(request["controller"]):
        if journal.read(node) is not None:
            raise Trouble("a change of this host waits for its confirmation; nothing was updated")
        packages.wait_for_locks(node)
        failed = outdated.failed(node)
        repaired = packages.interrupted(node)
        _index(node, request)
        if repaired:
            _repair(node)
        changes = _changes(node, request)
        if changes:
            _fetch(node)
            _install(node)
        if left := _simulated(node):
            raise Trouble(f"some packages did not come: {', '.join(map(str, left))}")
        _remember(node, request, failed)
        return {**_told(node, changes), **_restarted(node, changes, request), "repaired": repaired}


def state(node: Node, _: Request) -> Answer:
    """Which release the host has, which units failed since, what runs old versions, and whether it has to boot anew."""
    has = store.load(node, HAS)
    return {
        "has": has,
        "interrupted": packages.interrupted(node),
        "old": outdated.units(node),
        "failed": sorted({*outdated.failed(node)} - {*has.get("failed_before", [])}),
        "reboot": node.read(REBOOT).split(),
    }


def _index(node: Node, request: Request) -> None:
    """Fetch and judge the release's index; Trouble for one that is not to be trusted."""
    _write_source(node, request["suite"])
    make_folders(node.path(f"{LISTS}/partial"))
    make_folders(node.path(f"{ARCHIVES}/partial"))
    packages.wait_for_locks(node)
    node.step("apt-get update")
    done = _got(node, "-o", "APT::Update::Error-Mode=any", "update")
    if done.code:
        raise Trouble(f"release {request['suite']}: its index is refused, nothing was updated:\n{_errors(done)}")
    _judge(node, request)


def _changes(node: Node, request: Request) -> list[Change]:
    """What taking the release would change; Trouble for holds that are over, or not on this host."""
    _judge_holds(node, request["holds"])
    return _simulated(node)


def _repair(node: Node) -> None:
    """Finish what an update that was cut short has left half done, with the release's own packages; nothing goes."""
    node.step("dpkg --configure -a")
    node.try_run(["dpkg", "--configure", "-a", "--force-confdef", "--force-confold"], **packages.QUIET)
    node.step("apt-get --fix-broken")
    done = _apt(node, "--yes", "--no-remove", "--fix-broken", *packages.KEEP_OURS, "install")
    if done.code or packages.interrupted(node):
        raise Trouble(f"what is half installed cannot be finished:\n{_errors(done)}")


def _write_source(node: Node, suite: str) -> None:
    """The declared source with the release's suite in the place of its own."""
    declared = node.read(DECLARED)
    text, count = re.subn(r"(?m)^Suites: .*$", f"Suites: {suite}", declared)
    if count != 1:
        raise Trouble(f"{DECLARED} is not the declared source: `province apply --only packages` brings it")
    if node.read(SOURCE) != text:
        replace_durably(node.path(SOURCE), text.encode(), 0o644)


def _judge(node: Node, request: Request) -> None:
    """The index is that of this release, and none from before the one that the host has."""
    suite = request["suite"]
    found = sorted(node.path(LISTS).glob(f"*_dists_{suite}_InRelease"))
    if len(found) != 1:
        raise Trouble(f"release {suite}: apt kept {len(found)} indexes of it; nothing was updated")
    content = found[0].read_bytes()
    named = _field(content.decode("utf-8", "replace"), "Suite")
    if named != suite:
        raise Trouble(f"release {suite}: the mirror gave the index of {named or 'no suite'}; nothing was updated")
    digest = digest_of(content)
    if request["index_sha256"] not in (None, digest):
        wanted = request["index_sha256"]
        raise Trouble(f"release {suite}: its index has SHA-256 {digest}, the model says {wanted}; nothing was updated")
    has = store.load(node, HAS)
    if has and _day(has["suite"]) > _day(suite):
        raise Trouble(f"release {suite} is older than {has['suite']}, which this host has; nothing was updated")
    if has.get("suite") == suite and has["digest"] != digest:
        raise Trouble(
            f"release {suite} had another index when this host took it (SHA-256 {has['digest']}, now {digest}):"
            " a release never changes; nothing was updated"
        )


def _judge_holds(node: Node, holds: Iterable[dict[str, Any]]) -> None:
    """Every hold of the model is in force here, and none that is over keeps a newer version away."""
    text = node.read(HELD)
    pinned = re.findall(r"(?m)^Package: (\S+)$", text)
    waiting = sorted(set(_simulated(node, NO_HOLDS)) - set(_simulated(node))) if pinned else []
    for hold in holds:
        if hold["package"] not in pinned:
            raise Trouble(f"the hold of {hold['package']} is not here: `province apply --only updates` brings it")
        kept = [one for one in waiting if fnmatch(one.name, hold["package"])]
        if kept and hold["over"]:
            raise Trouble(
                f"the hold of {hold['package']} ended on {hold['until']} ({hold['owner']}: {hold['reason']}) and keeps"
                f" away {', '.join(map(str, kept))}; renew or remove it in registers/update-holds.yml"
            )


def _simulated(node: Node, options: Iterable[str] = ()) -> list[Change]:
    """What an upgrade to the release would change now."""
    done = _apt(node, *options, "--simulate", *WHOLE)
    if done.code:
        raise Trouble(f"apt-get cannot say what an update would change:\n{done.tail}")
    found = (INSTALLS.match(line) for line in done.output.splitlines())
    return sorted(Change(one["name"], one["old"] or "", one["new"]) for one in found if one)


def _bytes(node: Node) -> int:
    """How many bytes of packages are still to be fetched."""
    done = _apt(node, "--print-uris", "--yes", *WHOLE)
    if done.code:
        raise Trouble(f"apt-get cannot say what is to be fetched:\n{done.tail}")
    return sum(int(one["size"]) for one in map(FILE.match, done.output.splitlines()) if one)


def _fetch(node: Node) -> None:
    """Fetch packages for as long as something arrives: a month on a full line takes an hour."""
    while True:
        node.step("fetch")
        before = _arrived(node)
        done = _got(node, "--yes", "--download-only", *WHOLE)
        if not done.code:
            return
        if done.code != CUT_OFF or _arrived(node) <= before:
            raise Trouble(f"the packages do not come; what came stays, and the next run goes on:\n{_errors(done)}")


def _arrived(node: Node) -> int:
    """The bytes of packages that are here, whole or in part."""
    return sum(one.stat().st_size for one in node.path(ARCHIVES).rglob("*") if one.is_file())


def _install(node: Node) -> None:
    """Install what was fetched, and nothing else: the line has no part in it any more."""
    node.step("install")
    done = _apt(node, "--yes", "--no-download", *packages.KEEP_OURS, *WHOLE)
    if done.code:
        raise Trouble(f"the update broke off; the next run finishes it:\n{done.tail}")
    node.step("clean")
    _apt(node, "clean")


def _remember(node: Node, request: Request, failed: list[str]) -> None:
    suite = request["suite"]
    (place,) = node.path(LISTS).glob(f"*_dists_{suite}_InRelease")
    if store.load(node, HAS).get("suite") != suite:
        told = {"suite": suite, "digest": digest_of(place.read_bytes()), "time": journal.now()}
        store.save(node, HAS, {**told, "reason": request["reason"], "failed_before": failed}, 0o644)


def _restarted(node: Node, changes: list[Change], request: Request) -> Answer:
    """Restart what runs old code, in one transaction of systemd's, which knows what comes after what.

    What must not be restarted, and what only a boot brings into force, is written down for the next boot.
    """
    old = outdated.units(node)
    stay = [unit for unit in old if any(fnmatch(unit, one) for one in request["never_restarted"])]
    restarts = [unit for unit in old if unit not in stay]
    if restarts:
        node.step(f"restart {' '.join(restarts)}")
        done = node.try_run(["systemctl", "try-restart", *restarts])
        if done.code:
            raise Trouble(f"the versions are new, but services did not come up:\n{done.tail}")
    booted = [one.name for one in changes if any(fnmatch(one.name, pattern) for pattern in request["reboot_for"])]
    marks = sorted({*node.read(REBOOT).split(), *booted, *stay})
    if marks:
        make_folders(node.path(REBOOT).parent)
        node.path(REBOOT).write_text("".join(f"{one}\n" for one in marks), encoding="utf-8")
    return {"restarted": restarts, "reboot": marks}


def _told(node: Node, changes: Sequence[object], waiting: int = 0) -> Answer:
    return {"changes": list(map(str, changes)), "bytes": waiting, "has": store.load(node, HAS)}


def _apt(node: Node, *words: str) -> Done:
    """apt-get with the release as its only source, and with lists and caches of its own."""
    own = (
        f"Dir::Etc::SourceList={node.path(SOURCE)}",
        "Dir::Etc::SourceParts=/dev/null",
        f"Dir::State::Lists={node.path(LISTS)}",
        f"Dir::Cache::pkgcache={node.path(FOLDER)}/packages.bin",
        f"Dir::Cache::srcpkgcache={node.path(FOLDER)}/source-packages.bin",
    )
    return node.try_run(["apt-get", "-q", *(word for one in own for word in ("-o", one)), *words], **packages.QUIET)


def _got(node: Node, *words: str) -> Done:
    """Have apt fetch something; bytes with a wrong checksum are asked for once more, past what any cache keeps."""
    done = _apt(node, *words)
    return _apt(node, *ANEW, *words) if done.code and WRONG in done.output else done


def _errors(done: Done) -> str:
    """What apt calls an error or a warning, else its last words."""
    return "\n".join(line for line in done.output.splitlines() if line.startswith(("E: ", "W: "))) or done.tail


def _field(text: str, name: str) -> str:
    found = re.search(rf"(?m)^{name}: (.*)$", text)
    return found[1].strip() if found else ""


def _day(suite: str) -> str:
    """The day whose state a suite holds, as text that sorts."""
    return suite.rpartition("-")[2]
