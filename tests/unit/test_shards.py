"""One run in several processes: dealt out the same by all, the same end however many are killed, stops for all."""

from __future__ import annotations

import shutil
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from province.cli import app
from province.errors import ExitCode, ProvinceError
from province.manifest.capability import CHECKOUT
from province.rollout.conduct import Seen, conduct
from province.rollout.entries import Asked, Begun, End, Paused, PlannedBatch, Result
from province.rollout.state import Run
from province.shards.aggregate import Standing, end_state, fail, standings
from province.shards.conduct import Patience, run_shard
from province.shards.evidence import EvidenceToStore
from province.shards.journal import BEGUN, StoreJournal, name_of
from province.shards.local import Local
from province.shards.split import shards_of
from province.shards.store import Store
from tests.unit.rollout_world import START, Lines, World, begun
from tests.unit.shard_worker import NEW, OLD, FolderHands, prepared

BATCHES = (("a", "b"), ("c", "d", "e", "f", "g"), tuple("hijklmn"))
HOSTS = tuple(host for batch in BATCHES for host in batch)


def stored(place: Path, first: Begun, of: int) -> Store:
    store = Store.at(str(place))
    StoreJournal.begin(store, first, of)
    return store


def shard(store: Store, index: int, world: World, patience_s: float = 0) -> Run:
    journal = StoreJournal(store)
    return run_shard(journal, world, {one for one, at in journal.of.items() if at == index}, Patience(patience_s))


def together(store: Store, world: World, indices: Iterable[int]) -> list[Run]:
    """Shards that are at work at the same time: all of them, because each waits for all others."""
    chosen = list(indices)
    with ThreadPoolExecutor(len(chosen)) as pool:
        return list(pool.map(lambda index: shard(store, index, world), chosen))


def test_every_host_has_one_shard_and_each_batch_is_dealt_out_evenly() -> None:
    batches = [
        PlannedBatch(stage=str(size), hosts=tuple(f"{size}-{one}" for one in range(size)), soak_seconds=0)
        for size in (2, 10, 51, 141)
    ]
    for of in (1, 3, 7, 300):
        found = shards_of(batches, of)
        assert set(found) == {host for batch in batches for host in batch.hosts}
        assert found == shards_of([one.model_copy(update={"hosts": one.hosts[::-1]}) for one in batches], of)
        for hosts in (*(batch.hosts for batch in batches), tuple(found)):
            sizes = [sum(found[host] == index for host in hosts) for index in range(of)]
            assert max(sizes) - min(sizes) <= 1


def test_of_many_who_say_the_same_one_is_the_first(tmp_path: Path) -> None:
    ready = threading.Barrier(8)

    def say(number: int) -> bool:
        store = Store.at(str(tmp_path / "store"))
        ready.wait()
        return store.put("facts/x.json", str(number).encode())

    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(say, range(8)))
    assert sum(first) == 1
    store = Store.at(str(tmp_path / "store"))
    assert store.get("facts/x.json") == str(first.index(True)).encode()
    with pytest.raises(KeyError):
        store.get("facts/y.json")


@pytest.mark.parametrize("of", [1, 3, 20])
def test_shards_come_to_the_same_end_as_one(of: int, tmp_path: Path) -> None:
    """One host out of reach, one that fails within the budget."""
    first = begun(*BATCHES, soak=0, unreachable_budget=50, failed_budget=20)
    whole = conduct(Lines([first]), World(away={"d"}, breaks={"i"}))
    store = stored(tmp_path, first, of)
    world = World(away={"d"}, breaks={"i"})
    runs = together(store, world, range(of))
    assert {end_state(run) for run in runs} == {end_state(whole)}
    assert b'"end": "done"' in end_state(whole)
    assert world.new == set(HOSTS) - {"d", "i"}


def test_what_one_shard_breaks_stops_all_and_its_batch_goes_back(tmp_path: Path) -> None:
    first = begun(*BATCHES, soak=0, unreachable_budget=50)
    whole = conduct(Lines([first]), World(bad={"c"}))
    store, world = stored(tmp_path, first, 4), World(bad={"c"})
    runs = together(store, world, range(4))
    assert {end_state(run) for run in runs} == {end_state(whole)}
    run = runs[0]
    assert run.ended
    assert run.ended.end is End.FAILED
    assert world.new == {"a", "b"}, "of the second batch nothing is left, of the third nothing was begun"
    assert set(run.untouched) == set(BATCHES[2])


def test_budgets_are_those_of_the_whole_run(tmp_path: Path) -> None:
    """Two hosts out of reach of different shards are too many, though each alone would not be."""
    first = begun(*BATCHES, soak=0)
    at = shards_of(first.batches, 4)
    one = BATCHES[1][0]
    away = {one, next(host for host in BATCHES[1] if at[host] != at[one])}
    (run, *_) = together(stored(tmp_path, first, 4), World(away=away), range(4))
    assert run.ended
    assert run.ended.end is End.STOPPED


def test_an_abort_reaches_every_shard(tmp_path: Path) -> None:
    first = begun(*BATCHES, soak=0)
    store, world = stored(tmp_path, first, 3), World()
    done = CliRunner().invoke(app, ["shard", "abort", "--store", str(tmp_path)])
    assert done.exit_code == 0, done.output
    runs = together(store, world, range(3))
    assert {run.ended.end for run in runs if run.ended} == {End.ABORTED}
    assert world.new == set()
    with pytest.raises(ValueError, match="a sharded run has no paused"):
        name_of(Paused(time=START))


def test_a_shard_that_is_missing_is_told_from_one_that_failed(tmp_path: Path) -> None:
    first = begun(*BATCHES, soak=0)
    at = shards_of(first.batches, 3)
    mine, other = at["a"], at["b"]
    assert mine != other
    store = stored(tmp_path, first, 3)
    ticks = iter(range(0, 10_000, 30))
    journal = StoreJournal(store)
    with pytest.raises(ProvinceError, match="the shards of b have said nothing for 60 s") as caught:
        run_shard(
            journal, World(), {host for host, index in at.items() if index == mine},
            Patience(60, clock=lambda: next(ticks), sleep=lambda _: None),
        )  # fmt: skip
    assert caught.value.exit_code == ExitCode.STALE
    found = standings(journal.run, at, 3, store)
    assert [one.standing for one in found if one.owed] == [Standing.MISSING]
    assert CliRunner().invoke(app, ["shard", "status", "--store", str(tmp_path)]).exit_code == ExitCode.STALE
    fail(store, other, "no certificate")
    said = CliRunner().invoke(app, ["shard", "status", "--store", str(tmp_path)])
    assert (said.exit_code, "failed  waits for b  no certificate" in said.output) == (ExitCode.FAILED, True)
    together(store, World(), range(3))
    into = tmp_path.with_suffix(".json")
    well = CliRunner().invoke(app, ["shard", "status", "--store", str(tmp_path), "--into", str(into)])
    assert well.exit_code == 0, well.output
    assert into.read_bytes() == end_state(conduct(Lines([first]), World()))


def test_a_store_is_for_one_run_and_for_nobody_else(tmp_path: Path) -> None:
    first = begun(*BATCHES)
    with pytest.raises(ProvinceError, match="no run was begun there"):
        StoreJournal(Store.at(str(tmp_path)))
    store = stored(tmp_path, first, 2)
    with pytest.raises(ProvinceError, match="is not empty"):
        StoreJournal.begin(store, first, 2)
    store.put("facts/batch-0001/2-applied/a.json", b"{}")
    with pytest.raises(ProvinceError, match=r"2-applied/a\.json is no line of a journal"):
        StoreJournal(store).look()
    with pytest.raises(ProvinceError, match="no such store"):
        Store.at("gopher://x")
    assert store.get(BEGUN) == first.model_dump_json().encode()
    with pytest.raises(ProvinceError, match="there is no shard 2 of 2"):
        CliRunner().invoke(app, ["shard", "run", "--store", str(tmp_path), "--index", "2"], catch_exceptions=False)


def test_evidence_is_in_the_store_before_it_is_a_fact(tmp_path: Path) -> None:
    """Under the name of its content: who writes it again finds it there."""
    file = tmp_path / "run.jsonl"
    file.write_bytes(b"what was seen\n")
    file.with_name("run.jsonl.sig").write_bytes(b"who saw it\n")

    class Seeing(World):
        def verify(self, batch: int, hosts: Sequence[str]) -> dict[str, Seen]:
            return {host: Seen(Result.OK, evidence=str(file)) for host in super().verify(batch, hosts)}

    store = stored(tmp_path / "store", begun(*BATCHES, soak=0), 1)
    run = run_shard(StoreJournal(store), EvidenceToStore(Seeing(), store), HOSTS, Patience(0))
    (name,) = {one.evidence for batch in run.batches for one in batch.verified.values()}
    assert name == f"evidence/{sha256(file.read_bytes()).hexdigest()}.jsonl"
    assert (store.get(name), store.get(f"{name}.sig")) == (b"what was seen\n", b"who saw it\n")


def scene(place: Path) -> Path:
    """Hosts in the old state; one is out of reach, one cannot change, one is spoilt by the change."""
    prepared(place, HOSTS)
    (place / "d/away").touch()
    (place / "i/etc/wanted").unlink()
    (place / "i/etc/wanted").mkdir()
    (place / "k/spoilt").touch()
    return place


def test_three_shards_are_killed_and_the_end_is_that_of_the_unsharded_run_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real processes, killed between what they did and what they said; their hosts' files end the same, too."""
    first = begun(*BATCHES, soak=0, unreachable_budget=50, failed_budget=30)
    hosts = scene(tmp_path / "hosts")
    alone = shutil.copytree(hosts, tmp_path / "alone", symlinks=True)
    whole = conduct(Lines([first]), FolderHands(alone))
    store = stored(tmp_path / "store", first, 4)
    command = [sys.executable, "-m", "tests.unit.shard_worker", str(tmp_path / "store")]
    at = {0: "1", 1: "2", 2: "3"}
    monkeypatch.chdir(CHECKOUT)
    lost = Local(lambda index: [*command, str(index), str(hosts), at.get(index, "0")], 4, tries=2).run()
    assert lost == ()
    assert sorted(one.name for one in hosts.glob("died-*")) == ["died-0", "died-1", "died-2"]
    journal = StoreJournal(store)
    journal.look()
    assert end_state(journal.run) == end_state(whole)
    ends = {host: file_of(hosts / host) for host in HOSTS}
    assert ends == {host: file_of(alone / host) for host in HOSTS}
    assert {ends["a"], ends["d"], ends["i"]} == {NEW, OLD, "a folder"}


def file_of(host: Path) -> str:
    place = host / "etc/wanted"
    return "a folder" if place.is_dir() else place.read_text(encoding="utf-8")


def test_a_shard_that_fails_again_and_again_stops_the_others_which_go_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = begun(*BATCHES, soak=0, unreachable_budget=50, failed_budget=30)
    hosts = scene(tmp_path / "hosts")
    store = stored(tmp_path / "store", first, 2)
    command = [sys.executable, "-m", "tests.unit.shard_worker", str(tmp_path / "store")]
    broken = [sys.executable, "-c", "raise SystemExit(3)"]
    monkeypatch.chdir(CHECKOUT)
    runner = Local(lambda index: broken if index else [*command, "0", str(hosts)], 2, tries=2)
    assert runner.run() == (1,)
    assert runner.begun == {0: 1, 1: 2}
    assert {process.returncode for process in runner.processes.values()} <= {-signal.SIGTERM}
    journal = StoreJournal(store)
    journal.look()
    assert journal.run.ended is None
    journal.add(Asked(time=START, wish="abort", who="an@desk"))
    assert Local(lambda index: [*command, str(index), str(hosts)], 2, tries=1).run() == ()
    journal.look()
    assert journal.run.ended
    assert journal.run.ended.end is End.ABORTED
    assert {file_of(hosts / host) for host in HOSTS} == {OLD, "a folder"}
