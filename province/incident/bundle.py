"""Everything about one incident in one folder, for those who look into it: checksums vouch for every byte.

The timeline as it is, the drafts, the runs of evidence of the hosts concerned with the ledger that seals them, and what
was wanted and last seen on each host. Contents of files on hosts are not in it, only their digests.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from province.bundle.sums import SUMS, Fault, checksum, faults, write_sums
from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.incident.entry import Noted, Notice
from province.incident.incident import Incident
from province.incident.notice import draft
from province.incident.store import Store
from province.incident.timeline import read
from province.manifest.build import Builder
from province.manifest.trust import Trust
from province.verify.chain import follow
from province.verify.evidence import Evidence, latest, read_ends, read_evidence
from province.verify.ledger import FILE, Sealed, read_ledger
from province.verify.signature import signature_path
from province.verify.standing import run_files

LIST = "incident.json"
TIMELINE = "timeline.jsonl"
EVIDENCE = "evidence"


@dataclass(frozen=True)
class Bundled:
    """What was written: the checksum of the list of checksums, and what could not be put in."""

    digest: str
    missing: tuple[str, ...]


def make(
    folder: Path, fleet: Fleet, incident: Incident, timeline: Path, evidence: Path, trust: Trust | None, now: datetime
) -> Bundled:
    """Write a bundle into an empty or new folder; without `trust` it does not say what the model wants on hosts.

    ProvinceError for a folder that holds something already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ProvinceError(f"{folder} is in use", hint="name a new folder for the bundle", exit_code=ExitCode.USAGE)
    hosts = hosts_of(fleet, incident)
    drafts = {notice: draft(fleet, incident, notice, now) for notice in Notice}
    runs = chosen_runs(evidence, hosts, incident.opened.detected)
    records = latest(runs.read)
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    shutil.copyfile(timeline, folder / TIMELINE)
    for notice, one in drafts.items():
        (folder / f"notice-{notice}.md").write_text(one.text, encoding="utf-8")
    _copy_evidence(folder / EVIDENCE, evidence, runs.files)
    builder = trust and Builder(fleet, trust)
    for name in hosts:
        seen = max(records.get(name, {}).values(), key=lambda record: record.time, default=None)
        state = {
            "host": name,
            "wanted": builder and _wanted(builder, fleet, name),
            "seen": seen and seen.model_dump(mode="json", include={"time", "run", "boot", "manifest", "plan"}),
        }
        _write(folder / "states" / f"{name}.json", state)
    missing = (
        *(f"evidence of {name}" for name in hosts if name not in runs.hosts),
        *runs.unreadable,
        *(() if trust else ("what the model wants on the hosts: the environment has no anchors of trust",)),
        *(f"{one} in the first notice" for one in drafts[Notice.FIRST].missing),
    )
    about = {
        "format": 1,
        "incident": incident.id,
        "exercise": incident.opened.exercise,
        "made": now.isoformat(),
        "head": incident.head,
        "hosts": hosts,
        "runs": [path.name for path in runs.files],
        "missing": missing,
    }
    _write(folder / LIST, about)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digest = write_sums(folder, {path.relative_to(folder).as_posix(): checksum(path) for path in files})
    return Bundled(digest, missing)


def verify(folder: Path) -> list[Fault]:
    """What is wrong with a bundle: files by their checksums, the timeline by its chain, each run by its seal.

    ProvinceError for a folder that is no bundle of an incident.
    """
    if found := faults(folder):
        return found
    if not (folder / LIST).is_file():
        raise ProvinceError(f"{folder} is no bundle of an incident: it has no {LIST}", exit_code=ExitCode.USAGE)
    try:
        timeline = read(folder / TIMELINE)
        said = json.loads((folder / LIST).read_text(encoding="utf-8"))["head"]
        if timeline.head != said:
            found.append(Fault(TIMELINE, f"ends with {timeline.head}, but {LIST} says {said}"))
        found += _seals(folder / EVIDENCE)
    except ProvinceError as error:
        found.append(Fault(TIMELINE, error.message))
    return found


def remark(digest: str) -> str:
    """What the timeline says of a bundle after it was made: the bundle itself cannot hold its own checksum."""
    return f"bundle made: sha256 of {SUMS} {digest}"


def not_noted(folder: Path, root: Path) -> list[Fault]:
    """A bundle that the incident's timeline below `root` does not speak of; nothing where the incident is not kept.

    Whoever changes a bundle and writes its checksums anew is found by this, because the timeline is elsewhere.
    """
    id_ = json.loads((folder / LIST).read_text(encoding="utf-8"))["incident"]
    kept = Store.holding(root, id_)
    if not kept.path(id_).is_file():
        return []
    wanted = remark(checksum(folder / SUMS))
    if any(isinstance(one, Noted) and one.text == wanted for one in kept.get(id_).later):
        return []
    return [Fault(SUMS, f"the timeline of {id_} notes no bundle with this list: it was written anew, or elsewhere")]


def hosts_of(fleet: Fleet, incident: Incident) -> list[str]:
    """The hosts that are named, and the nodes of communes that are."""
    known = {host.name for host in fleet.nodes} | set(fleet.hosts)
    nodes = {host.name for host in fleet.nodes if host.commune in incident.opened.communes}
    return sorted(known & {*incident.opened.hosts, *nodes})


@dataclass(frozen=True)
class Runs:
    """The runs of evidence that tell of some hosts, oldest first, and what could not be read of them."""

    files: tuple[Path, ...]
    hosts: frozenset[str]
    read: tuple[Evidence, ...]
    unreadable: tuple[str, ...]


def chosen_runs(evidence: Path, hosts: list[str], detected: datetime) -> Runs:
    """The last run of each host before the detection, and all since.

    A run that cannot be read goes along as it is: evidence that was changed is evidence, too, and stops no bundle.
    """
    files, seen, found, unreadable, before = [], set(), [], [], set(hosts)
    for path in reversed(run_files(evidence)):
        try:
            run, end = read_ends(path)
            concerned = set(run.hosts) & set(hosts)
            if end is None or not concerned or (run.started < detected and not before & concerned):
                continue
            if run.started < detected:
                before -= concerned
            files.append(path)
            found.append(read_evidence(path))
            seen |= concerned
        except (ProvinceError, UnicodeDecodeError) as error:
            unreadable.append(f"a whole run: {path.name}: {error}".splitlines()[0])
            files = [*dict.fromkeys((*files, path))]
    return Runs(tuple(files[::-1]), frozenset(seen), tuple(found[::-1]), tuple(unreadable))


def _copy_evidence(target: Path, evidence: Path, runs: tuple[Path, ...]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in (evidence / FILE, *(file for run in runs for file in (run, signature_path(run)))):
        if path.is_file():
            shutil.copyfile(path, target / path.name)


def _wanted(builder: Builder, fleet: Fleet, name: str) -> dict[str, Any]:
    """What the model wants there today, as digests."""
    host = fleet.hosts.get(name) or next(node for node in fleet.nodes if node.name == name)
    manifest = builder.build(host)
    return {
        "digest": manifest.digest,
        "capabilities": list(manifest.capabilities),
        "packages": list(manifest.packages),
        "files": {path: sha256(file.content.encode()).hexdigest() for path, file in manifest.files.items()},
    }


def _seals(evidence: Path) -> Iterator[Fault]:
    """Runs of the bundle that are not what the ledger in it sealed."""
    ledger = evidence / FILE
    if ledger.is_file() and (broken := follow(ledger.read_bytes().splitlines(keepends=True)).broken):
        yield Fault(f"{EVIDENCE}/{FILE}", f"line {broken.line}: {broken.what}")
        return
    sealed = {one.entry.file: one.entry.sha256 for one in read_ledger(evidence) if isinstance(one.entry, Sealed)}
    for path in run_files(evidence):
        if sealed.get(path.name) != checksum(path):
            yield Fault(f"{EVIDENCE}/{path.name}", "is not what the ledger sealed")


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
