"""The exit codes of `province shard run` that end a shard's index at once are those that another try would not mend."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from province.cli import app
from province.errors import HOPELESS, ExitCode, ProvinceError
from province.fleet.findings import BadData
from province.fleet.load import load_fleet
from province.manifest.trust import COPIES_SEAL, DEVICES_CA, MIRROR_KEY, SERVICE_CA, USER_CA
from province.shards.journal import StoreJournal
from province.shards.store import Store

from .conftest import Edit
from .rollout_world import begun


def ending(store: Path, index: int = 0) -> ProvinceError:
    """How a shard's process ends, started as its pod starts it."""
    words = ["shard", "run", "--store", str(store)]
    done = CliRunner().invoke(app, words, env={"JOB_COMPLETION_INDEX": str(index)})
    assert isinstance(done.exception, ProvinceError), done.output
    return done.exception


def test_a_place_without_a_run(tmp_path: Path) -> None:
    found = ending(tmp_path)
    assert "no run was begun there" in found.message
    assert found.exit_code in HOPELESS


def test_an_index_that_no_shard_has(tmp_path: Path) -> None:
    StoreJournal.begin(Store.at(str(tmp_path)), begun(("a", "b")), 2)
    found = ending(tmp_path, 2)
    assert found.message == "there is no shard 2 of 2"
    assert found.exit_code in HOPELESS


def test_a_store_that_somebody_else_writes_to(tmp_path: Path) -> None:
    StoreJournal.begin(Store.at(str(tmp_path)), begun(("a", "b")), 2)
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    found = ending(tmp_path)
    assert "somebody else writes there" in found.message
    assert found.exit_code in HOPELESS


def test_an_image_whose_model_is_not_that_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hosts would get something else than was planned, whoever tries how often."""
    trust = tmp_path / "lab" / "trust"
    trust.mkdir(parents=True)
    for anchor in (USER_CA, MIRROR_KEY, SERVICE_CA, COPIES_SEAL, DEVICES_CA):
        (trust / anchor).write_text("an anchor that nothing is checked by here\n", encoding="utf-8")
    monkeypatch.setenv("PROVINCE_TRUST", str(tmp_path))
    StoreJournal.begin(Store.at(str(tmp_path / "store")), begun(("no-such-host",)), 1)
    found = ending(tmp_path / "store")
    assert found.message == "the model changed since the run was planned: no-such-host would get something else"
    assert found.exit_code in HOPELESS


@pytest.mark.parametrize("code", [ExitCode.FAILED, ExitCode.UNREACHABLE, ExitCode.MACHINE, ExitCode.STALE])
def test_what_may_pass_is_tried_again(code: ExitCode) -> None:
    """A playbook that broke, a store that does not answer, a node without memory, shards that were not heard of."""
    assert code not in HOPELESS


STORE = "{url: 'https://store.example', addresses: [198.51.100.9], bucket: runs, credentials: runs, source: A}"
"""As somebody writes it into a site's file."""
CREDENTIALS = (
    "{id: runs, name: {en: Store, vi: Kho}, owner: science-technology, keys: [id, key], readers: [automation], "
    "days: 90, source: A}"
)


def with_store(edit: Edit, written: str) -> None:
    edit("fleet/sites/rach-gia.yml", "  renew_before_days: 60\n", f"  renew_before_days: 60\n  run_store: {written}\n")
    edit("fleet/registers/secrets.yml", "rows:\n", f"rows:\n  - {CREDENTIALS}\n")


def test_a_store_that_answers_at_no_other_port_answers_at_that_of_https(data: Path, edit: Edit) -> None:
    with_store(edit, STORE)
    cluster = load_fleet("production", data).primary_site.cluster
    assert cluster
    assert cluster.run_store
    assert (cluster.run_store.place, cluster.run_store.port) == ("s3://runs/", 443)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [("https", "http", "url"), ("[198.51.100.9]", "[]", "addresses"), ("198.51.100.9", "store.example", "addresses")],
)
def test_a_store_without_encryption_or_without_an_address_is_refused(
    data: Path, edit: Edit, old: str, new: str, key: str
) -> None:
    """Evidence and journal would be read on the way; or no way would lead there, because policies know no names."""
    with_store(edit, STORE.replace(old, new))
    with pytest.raises(BadData) as caught:
        load_fleet("production", data)
    assert "inventories/fleet/sites/rach-gia.yml" in str(caught.value)
    assert f"cluster.run_store.{key}" in str(caught.value)
