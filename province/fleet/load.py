"""From a folder of YAML files to a `Fleet`: all problems of all files in one report, or the whole model."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.assumption import Assumptions
from province.fleet.check import check_fleet
from province.fleet.commune import Commune
from province.fleet.control import Control
from province.fleet.documents import read_yaml
from province.fleet.endpoint import Endpoint
from province.fleet.environment import AddressOverlay, Environment
from province.fleet.feature import Feature
from province.fleet.findings import BadData, Finding, from_validation, nearest
from province.fleet.fleet import Fleet
from province.fleet.migration import Limits, Migration, MigrationWave, Move, OldHost
from province.fleet.province import Province
from province.fleet.references import unresolved
from province.fleet.register import Registers
from province.fleet.site import Site
from province.fleet.source import Source
from province.fleet.system import System
from province.fleet.tier import Owner, Tier

FactT = TypeVar("FactT", bound=BaseModel)

BEGAN = time.time()
"""When this process could read a first fact: what was written later, it may have read before."""

COMMUNES_VARIABLE = "PROVINCE_COMMUNES"
"""Environment variable: how many communes this environment runs, instead of those its file names."""

SPARE_VARIABLE = "PROVINCE_SPARE"
"""Environment variable: 1 for an environment that survives the loss of hosts (`spare_hosts` of its file)."""


def inventories_root() -> Path:
    """The folder `inventories` of this checkout, or the one that PROVINCE_INVENTORIES names."""
    named = os.environ.get("PROVINCE_INVENTORIES")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "inventories"


class _Reader:
    """Reads files of one inventories folder and collects findings instead of stopping at the first."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.findings: list[Finding] = []
        self.origins: dict[str, str] = {}

    def shown(self, path: Path) -> str:
        """How findings name a file: with the inventories' folder, from the checkout's root."""
        return f"{self.root.name}/{path.relative_to(self.root).as_posix()}"

    def document(self, path: Path) -> Any:
        """The content of a YAML file, or None after noting what is wrong with it."""
        try:
            body = read_yaml(path, self.shown(path))
        except BadData as error:
            self.findings.extend(error.findings)
            return None
        if body is None:
            self.findings.append(
                Finding(self.shown(path), "", "", "the file is empty", "write its facts, or restore it")
            )
        return body

    def fact(self, model: type[FactT], path: Path, **extra: object) -> FactT | None:
        """One file as one fact; `extra` are keys that its name says."""
        body = self.document(path)
        if body is None:
            return None
        if not isinstance(body, dict):
            self.findings.append(Finding(self.shown(path), "", "", "must be keys and values", "see its neighbours"))
            return None
        return self.validated(model, {**extra, **body}, self.shown(path))

    def validated(self, model: type[FactT], body: Any, shown: str, prefix: str = "") -> FactT | None:
        """A value as a fact, or None after noting every problem of it."""
        try:
            return model.model_validate(body)
        except ValidationError as error:
            self.findings.extend(from_validation(shown, model, error, prefix))
            return None

    def folder(self, model: type[FactT], folder: Path, collection: str) -> dict[str, FactT]:
        """One fact for each file of a folder, by file name without ending."""
        found: dict[str, FactT] = {}
        for path in sorted(folder.glob("*.yml")):
            fact = self.fact(model, path, id=path.stem)
            if fact is not None:
                found[path.stem] = fact
                self.origins[f"{collection}/{path.stem}"] = self.shown(path)
        return found

    def listing(self, model: type[FactT], path: Path, collection: str) -> dict[Any, FactT]:
        """A file that is a list of facts, by their ids; the same id twice is a finding."""
        found: dict[Any, FactT] = {}
        body = self.document(path)
        if body is None:
            return found
        if not isinstance(body, list):
            self.findings.append(Finding(self.shown(path), "", "", "must be a list", "begin each entry with `- id:`"))
            return found
        for number, content in enumerate(body):
            identity = content.get("id", number) if isinstance(content, dict) else number
            fact = self.validated(model, content, self.shown(path), f"{identity}.")
            if identity in found:
                self.findings.append(Finding(self.shown(path), "id", str(identity), "stands twice", "remove one"))
            if fact is not None:
                found[identity] = fact
            self.origins[f"{collection}/{identity}"] = self.shown(path)
        return found


def load_fleet(environment: str = "lab", root: Path | None = None, fleet_dir: str = "fleet") -> Fleet:
    """The fleet as one environment sees it.

    Raises BadData with every finding of every file, and ProvinceError for an environment that does not exist.
    """
    root = root or inventories_root()
    return _load(
        environment, root, fleet_dir, os.environ.get(COMMUNES_VARIABLE, ""), os.environ.get(SPARE_VARIABLE, "")
    )


@cache
def _load(environment: str, root: Path, fleet_dir: str, communes_wanted: str, spare_wanted: str) -> Fleet:
    overlay_path = root / environment / "environment.yml"
    if not overlay_path.is_file():
        known = sorted(path.parent.name for path in root.glob("*/environment.yml"))
        guess = nearest(environment, known)
        hint = f'did you mean "{guess}"?' if guess else "known: " + ", ".join(known)
        raise ProvinceError(f"no environment {environment!r} in {root}", hint=hint, exit_code=ExitCode.USAGE)
    reader = _Reader(root)
    base = root / fleet_dir
    overlay = reader.fact(Environment, overlay_path)
    province = reader.fact(Province, base / "province.yml")
    communes = _communes(reader, base / "communes")
    sites = reader.folder(Site, base / "sites", "sites")
    systems = reader.folder(System, base / "systems", "systems")
    platform = reader.folder(System, base / "platform", "platform")
    endpoints = reader.listing(Endpoint, base / "endpoints.yml", "endpoints")
    owners = reader.listing(Owner, base / "owners.yml", "owners")
    tiers = reader.listing(Tier, base / "tiers.yml", "tiers")
    sources = reader.listing(Source, base / "sources.yml", "sources")
    features = reader.listing(Feature, base / "features.yml", "features")
    controls = reader.listing(Control, base / "controls.yml", "controls")
    registers = _registers(reader, base / "registers")
    assumptions = reader.fact(Assumptions, base / "assumptions.yml")
    migration = _migration(reader, base / "migration")
    for name in ("province", "assumptions"):
        reader.origins[name] = reader.shown(base / f"{name}.yml")
    if reader.findings or province is None or overlay is None or registers is None or assumptions is None:
        raise BadData(reader.findings)
    fleet = Fleet(
        root=root,
        province=_with_overlay(reader, province, overlay, overlay_path.parent),
        environment=_sized(overlay, communes_wanted, communes),
        communes=MappingProxyType(communes),
        sites=MappingProxyType(_overlaid_sites(sites, overlay, spare=_spare(spare_wanted))),
        systems=MappingProxyType(systems),
        platform=MappingProxyType(platform),
        endpoints=MappingProxyType(endpoints),
        owners=MappingProxyType(owners),
        tiers=MappingProxyType(tiers),
        sources=MappingProxyType(sources),
        features=MappingProxyType(features),
        controls=MappingProxyType(controls),
        registers=registers,
        assumptions=assumptions,
        migration=migration,
        origins=MappingProxyType(reader.origins),
    )
    findings = [*reader.findings, *check_fleet(fleet, sites)]
    if findings:
        raise BadData(findings)
    return fleet


def _communes(reader: _Reader, folder: Path) -> dict[str, Commune]:
    found: dict[str, Commune] = {}
    for path in sorted(folder.glob("*.yml")):
        commune = reader.fact(Commune, path)
        if commune is None:
            continue
        shown = reader.shown(path)
        expected = f"{commune.code}-{commune.slug}"
        if path.stem != expected:
            reader.findings.append(
                Finding(shown, "", "", "file name and content disagree", f"rename it to {expected}.yml")
            )
        if commune.code in found:
            reader.findings.append(Finding(shown, "code", commune.code, "stands twice", "one file for each commune"))
        found[commune.code] = commune
        reader.origins[f"communes/{commune.code}"] = shown
    return found


def _migration(reader: _Reader, folder: Path) -> Migration | None:
    """The move of old machine rooms, for a province that has any."""
    if not folder.is_dir():
        return None
    hosts = reader.listing(OldHost, folder / "hosts.yml", "old-hosts")
    moves = reader.listing(Move, folder / "moves.yml", "moves")
    waves = reader.listing(MigrationWave, folder / "waves.yml", "migration-waves")
    limits = reader.fact(Limits, folder / "limits.yml")
    return Migration(hosts=hosts, moves=moves, waves=waves, limits=limits) if limits else None


def _registers(reader: _Reader, folder: Path) -> Registers | None:
    found: dict[str, BaseModel] = {}
    for path in sorted(folder.glob("*.yml")):
        name = path.stem.replace("-", "_")
        field = Registers.model_fields.get(name)
        if field is None or not isinstance(field.annotation, type):
            mend = "known: " + ", ".join(sorted(Registers.model_fields))
            reader.findings.append(Finding(reader.shown(path), "", "", "no such register", mend))
            continue
        register = reader.fact(field.annotation, path)
        if register is not None:
            found[name] = register
        reader.origins[f"registers/{path.stem}"] = reader.shown(path)
    if reader.findings:
        return None
    return reader.validated(Registers, found, reader.shown(folder))


def _with_overlay(reader: _Reader, province: Province, overlay: Environment, folder: Path) -> Province:
    """The province with the environment's domain and, when the uncommitted file is there, its real addresses."""
    changes: dict[str, object] = {}
    if overlay.domain:
        changes["domain"] = overlay.domain
    if overlay.edge_paths != "all":
        known = {path.id: path for path in province.edge_paths}
        for name in overlay.edge_paths:
            reader.findings += unresolved(reader.shown(folder / "environment.yml"), "edge_paths", name, known, "path")
        changes["edge_paths"] = tuple(path for path in province.edge_paths if path.id in overlay.edge_paths)
    if overlay.address_overlay and (folder / overlay.address_overlay).is_file():
        addresses = reader.fact(AddressOverlay, folder / overlay.address_overlay)
        if addresses is not None:
            changes["addressing"] = addresses.addressing
    return province.model_copy(update=changes)


def _spare(wanted: str) -> bool:
    """Whether the environment was asked to survive the loss of hosts."""
    if wanted not in {"", "0", "1"}:
        raise ProvinceError(
            f"{SPARE_VARIABLE}={wanted} is neither yes nor no", hint="use 1, or leave it away", exit_code=ExitCode.USAGE
        )
    return wanted == "1"


def _overlaid_sites(sites: Mapping[str, Site], overlay: Environment, *, spare: bool) -> dict[str, Site]:
    found = dict(sites)
    for name, change in overlay.sites.items():
        if name not in found:
            continue
        site = found[name]
        counts = {**change.hosts, **(change.spare_hosts if spare else {})}
        hosts = {
            role: group.model_copy(update={"count": counts.get(role, group.count)})
            for role, group in site.hosts.items()
        }
        cluster = site.cluster
        changed = {name: getattr(change, name) for name in ("network_engine", "run_store") if getattr(change, name)}
        if cluster and changed:
            cluster = cluster.model_copy(update=changed)
        found[name] = site.model_copy(update={"hosts": hosts, "cluster": cluster})
    return found


def _sized(overlay: Environment, wanted: str, communes: Iterable[str]) -> Environment:
    """The environment with as many communes as asked for: those it names first, then the rest by code."""
    if not wanted:
        return overlay
    every = sorted(communes)
    if not wanted.isdigit() or not 0 < int(wanted) <= len(every):
        raise ProvinceError(
            f"{COMMUNES_VARIABLE}={wanted} is not a number of communes",
            hint=f"use 1 to {len(every)}",
            exit_code=ExitCode.USAGE,
        )
    named = list(overlay.communes) if overlay.communes != "all" else []
    ordered = named + [code for code in every if code not in named]
    return overlay.model_copy(update={"communes": tuple(ordered[: int(wanted)])})
