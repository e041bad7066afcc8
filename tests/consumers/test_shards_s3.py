"""A sharded run over S3's protocol: the server is moto's, which keeps objects in memory and knows conditional writes.

It is nobody's storage: what it shows is that obstore and we speak S3 as its clients do, not how a real store fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import IPv4Address
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner

from province.cli import app
from province.errors import ExitCode, ProvinceError
from province.fleet.layer import PLATFORM
from province.fleet.load import load_fleet
from province.fleet.rooms import RUNNER, SHARDS
from province.pki import authority
from province.rollout.conduct import conduct
from province.shards.aggregate import end_state
from province.shards.journal import StoreJournal
from province.shards.start import ENDING, WHERE, fetched
from province.shards.store import Store
from tests.synth.conftest import synthesise
from tests.unit.rollout_world import Lines, World, begun
from tests.unit.test_shards import BATCHES, together

from .run_store import serving


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "anybody"),
            ("AWS_SECRET_ACCESS_KEY", "nothing"),
        ):
            patch.setenv(name, value)
        urlopen(Request(f"http://{host}:{port}/runs", method="PUT")).close()
        yield "s3://runs"
    server.stop()


def test_of_many_who_say_the_same_one_is_the_first(bucket: str) -> None:
    def say(number: int) -> bool:
        return Store.at(f"{bucket}/race").put("facts/x.json", str(number).encode())

    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(say, range(8)))
    assert sum(first) == 1
    store = Store.at(f"{bucket}/race")
    assert store.get("facts/x.json") == str(first.index(True)).encode()
    assert store.names() == ["facts/x.json"], "another place of the same bucket has names of its own"
    with pytest.raises(KeyError):
        store.get("facts/y.json")


def test_a_run_over_s3_comes_to_the_same_end_as_one_without(bucket: str) -> None:
    first = begun(*BATCHES, soak=0, unreachable_budget=50, failed_budget=20)
    whole = conduct(Lines([first]), World(away={"d"}, breaks={"i"}))
    store = Store.at(f"{bucket}/{first.run}")
    StoreJournal.begin(store, first, 3)
    runs = together(store, World(away={"d"}, breaks={"i"}), range(3))
    assert {end_state(run) for run in runs} == {end_state(whole)}


def test_a_bucket_that_is_not_there_is_named(bucket: str) -> None:
    with pytest.raises(ProvinceError, match=r"s3://nowhere/x: the list of names: ") as caught:
        Store.at(bucket.replace("runs", "nowhere") + "/x").names()
    assert caught.value.exit_code == ExitCode.UNREACHABLE


def test_a_store_is_believed_for_the_authority_that_a_pod_is_told_of_and_for_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE, as the template sets it: obstore asks no other list of authorities."""
    ours, other = (authority.make(name, datetime.now(UTC)) for name in ("ours", "another"))
    with serving(IPv4Address("127.0.0.1"), 0, "runs", signer=ours, folder=tmp_path) as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert Store.at("s3://runs/x").put("a", b"b")
        assert fetched("s3://runs/x/" + put_by_digest(Store.at("s3://runs/x"))) == b"a checkout"
        (tmp_path / "authority.pem").write_text(other.pem, encoding="utf-8")
        with pytest.raises(ProvinceError) as caught:
            Store.at("s3://runs/x").get("a")
        assert caught.value.exit_code == ExitCode.UNREACHABLE


def put_by_digest(store: Store) -> str:
    name = f"{sha256(b'a checkout').hexdigest()}{ENDING}"
    store.put(name, b"a checkout")
    return name


def test_the_command_makes_the_job_of_a_run_that_is_in_the_store(bucket: str) -> None:
    place = f"{bucket}/job"
    StoreJournal.begin(Store.at(place), begun(*BATCHES, run="7c1e9a"), 5)
    fleet = load_fleet("lab")
    template = synthesise(fleet, fleet.primary_site, PLATFORM).object("CronJob", RUNNER, SHARDS)
    done = CliRunner().invoke(app, ["shard", "kubernetes", "--store", place], input=json.dumps(template.body))
    made = json.loads(done.stdout)
    assert (made["kind"], made["metadata"]["name"], made["metadata"]["namespace"]) == ("Job", "shards-7c1e9a", RUNNER)
    assert (made["spec"]["completions"], made["spec"]["parallelism"]) == (5, 5)
    (container,) = made["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["shard", "run", "--store", place]
    (carried,) = [one["value"] for one in container["env"] if one["name"] == WHERE]
    content = Store.at(place).get(carried.removeprefix(f"{place}/"))
    assert carried == f"{place}/checkout/{sha256(content).hexdigest()}.tar.xz"
    wrong = CliRunner().invoke(app, ["shard", "kubernetes", "--store", place], input="no resources found")
    assert wrong.stdout == ""
    assert "is no JSON object" in str(wrong.exception)
