"""One run of the runner's template: which orders can be carried out, and what the command says of those that cannot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from province.cli import app
from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.layer import PLATFORM
from province.fleet.site import Site
from province.shards.journal import StoreJournal
from province.shards.kubernetes import Order, check_order, job
from province.shards.store import Store
from tests.policy_examples import changed
from tests.unit.rollout_world import begun

from .conftest import offering, stack_of
from .runner_facts import CARRIED, STORE, made_ready, ready, template, with_consent, with_image


def test_every_shard_that_a_run_deals_out_has_its_index_and_no_index_has_none(tmp_path: Any) -> None:
    synth = made_ready("production", "rach-gia", PLATFORM)
    first = begun(("a", "b"), ("c", "d", "e", "f", "g"), tuple("hijklmn"))
    for shards in (1, 3, 8):
        journal = StoreJournal.begin(Store.at(str(tmp_path / str(shards))), first, shards)
        place = f"{STORE.place}{first.run}"
        check_order(synth.fleet, synth.site, first.run, place, journal.count)
        spec = job(template(synth), Order(first.run, place, journal.count, CARRIED))["spec"]
        assert set(range(spec["completions"])) == set(journal.of.values())
        assert spec["parallelism"] == spec["completions"], "each waits for all others after every batch"


Change = Callable[[Fleet, Site], tuple[Fleet, Site]]


def bad_orders() -> Iterator[tuple[str, Change, str, int, str]]:
    place = f"{STORE.place}x"
    runner = "inventories/fleet/platform/fleet-runner.yml"

    def without(fleet: Fleet, site: Site) -> tuple[Fleet, Site]:
        return offering(with_consent(with_image(fleet)), site)

    def refused(fleet: Fleet, site: Site) -> tuple[Fleet, Site]:
        return offering(with_image(fleet), site, run_store=STORE)

    def undelivered(fleet: Fleet, site: Site) -> tuple[Fleet, Site]:
        return offering(with_image(fleet, None), site, run_store=STORE)

    yield "no image", undelivered, place, 4, f"{runner}, components.shard.image: null, its image is not delivered yet"
    yield "no store", without, place, 4, "inventories/fleet/sites/rach-gia.yml, cluster.run_store: missing"
    yield "no consent", refused, place, 4, "inventories/production/environment.yml, automation_from: without cluster"
    yield "another bucket", ready, "s3://else/x", 4, "--store s3://else/x: shards at rach-gia reach s3://runs/… and"
    yield "the bucket alone", ready, STORE.place, 4, "--store s3://runs/: shards at rach-gia reach"
    yield "a folder", ready, "/srv/runs", 4, "--store /srv/runs: shards at rach-gia reach"
    yield "too many", ready, place, 9, f"has 9 shards, and there is place for 8 ({runner}, components.shard.replicas)"


@pytest.mark.parametrize(
    ("facts", "store", "shards", "said"), [one[1:] for one in bad_orders()], ids=[one[0] for one in bad_orders()]
)
def test_an_order_that_could_not_be_carried_out_says_what_to_mend(
    facts: Change, store: str, shards: int, said: str
) -> None:
    today = stack_of("production", "rach-gia", PLATFORM)
    with pytest.raises(ProvinceError) as caught:
        check_order(*facts(today.fleet, today.site), "7c1e9a", store, shards)
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("path", ["kind", "spec.jobTemplate.spec.completionMode"])
def test_what_is_not_the_template_is_not_filled_in(path: str) -> None:
    made = made_ready("lab", "rach-gia", PLATFORM)
    with pytest.raises(ProvinceError, match="is not the template of shards") as caught:
        job(changed(template(made), path, "Deployment"), Order("x", f"{STORE.place}x", 1, CARRIED))
    assert caught.value.exit_code == ExitCode.BAD_DATA


def test_the_command_prints_nothing_for_a_site_that_is_none_or_facts_that_lack(tmp_path: Any) -> None:
    """In the lab as it is today: its second site has no store."""
    StoreJournal.begin(Store.at(str(tmp_path)), begun(("a", "b"), environment="lab"), 2)
    words = ["shard", "kubernetes", "--store", str(tmp_path)]
    for more, said in (
        (["--site", "nowhere"], "--site nowhere"),
        (["--site", "long-xuyen"], "inventories/fleet/sites/long-xuyen.yml, cluster.run_store: missing"),
        ([], f"--store {tmp_path}: shards at rach-gia reach s3://runs/"),
    ):
        done = CliRunner().invoke(app, [*words, *more], input=json.dumps({}))
        assert done.stdout == ""
        assert said in str(done.exception)
