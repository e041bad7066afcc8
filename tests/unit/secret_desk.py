"""A desk at which secrets are kept, as tests need it: the real lab's facts, below a folder of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from click.testing import Result
from typer.testing import CliRunner

from province.cli import app
from province.errors import ProvinceError
from province.fleet.fact import Names
from province.fleet.load import load_fleet
from province.fleet.secret import Reader, Secret
from province.fleet.site import BackupStore
from province.lab import readers as lab_readers
from province.secrets import keeping, recipients, sealed

SEAL = "authority/copies-seal.key"
VALUE = "what copies are worth\n"
STORE = BackupStore(url="https://store.example", bucket="copies", credentials="runs", source="A")
RUNS = Secret(
    id="runs",
    name=Names(en="Store", vi="Kho"),
    owner="science-technology",
    keys=("id", "key"),
    readers=(Reader.AUTOMATION,),
    days=90,
    source="A",
)


class Desk:
    """A lab whose controller has the seal of copies, sealed for the lab's own readers; its facts may change."""

    def __init__(self, root: Path) -> None:
        self.fleet = replace(load_fleet("lab"), root=root / "inventories")
        self.private = keeping.private(self.fleet)
        self.sealed = sealed.place(self.fleet)[0]
        self.register = recipients.register(self.fleet)[0]
        file = self.private / SEAL
        file.parent.mkdir(parents=True)
        file.write_text(VALUE, encoding="utf-8")
        assert lab_readers.seal_all(self.fleet, datetime.now(UTC) + timedelta(seconds=1)) == ["seal-of-copies"]
        (root / ".gitignore").write_text("/.province/\n", encoding="utf-8")
        subprocess.run(["git", "init", "-q", root], check=True)

    def declare(self, *rows: Secret) -> None:
        """These secrets, beside or in the place of those that are declared."""
        register = self.fleet.registers.secrets
        known = {**{row.id: row for row in register.rows}, **{row.id: row for row in rows}}
        changed = register.model_copy(update={"rows": tuple(known.values())})
        self.fleet = replace(self.fleet, registers=self.fleet.registers.model_copy(update={"secrets": changed}))

    def readers_of_seal(self, *readers: Reader) -> None:
        row = self.fleet.registers.secrets.get("seal-of-copies")
        assert row
        self.declare(row.model_copy(update={"readers": readers}))

    def offer_store(self) -> None:
        """A site with a store for copies, which refers to its credentials."""
        site = self.fleet.primary_site
        assert site.cluster
        cluster = site.cluster.model_copy(update={"backup_store": STORE})
        self.fleet = replace(
            self.fleet, sites={**self.fleet.sites, site.id: site.model_copy(update={"cluster": cluster})}
        )

    def rows(self) -> list[dict[str, Any]]:
        return list(yaml.safe_load(self.register.read_text(encoding="utf-8")))

    def rewrite(self, change: Callable[[dict[str, Any]], object]) -> None:
        path = self.sealed / "seal-of-copies.yml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        change(content)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")


def call(*words: str, text: str | None = None) -> Result:
    done = CliRunner().invoke(app, ["secrets", *words], input=text, catch_exceptions=True)
    if isinstance(done.exception, ProvinceError):
        done.exit_code = int(done.exception.exit_code)
    return done


def said(done: Result) -> str:
    return f"{done.output}{done.exception or ''}"
