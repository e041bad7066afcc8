"""Lines of a host reach its collector, whatever dies meanwhile: real daemons by the configuration that hosts get."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.pki import authority

from .log_hosts import LogHost, Logs, at_work

NODE = "phu-quoc-people"
LINES = 6000
ROUND = LINES // 3
HELD = 300
"""Lines that a sender keeps in memory alone, so that no disk has them."""
BURST = 1600
"""More lines than a small queue has place for."""


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet("lab")


@pytest.fixture
def logs(fleet: Fleet, tmp_path: Path) -> Iterator[Logs]:
    with at_work(Logs(fleet, tmp_path, authority.make("hosts of a test", datetime.now(UTC)))) as made:
        yield made


@contextmanager
def told_of(collector: LogHost) -> Iterator[None]:
    """What has arrived, beside why it is not enough."""
    try:
        yield
    except AssertionError as error:
        lines = sorted(collector.kept())
        error.add_note(f"{len(lines)} lines have arrived: {lines[:1]} to {lines[-1:]}")
        raise


def wait_for(collector: LogHost, lines: int, seconds: float = 60.0) -> None:
    with told_of(collector):
        collector.wait(lambda: len(collector.kept()) >= lines, f"{lines} lines arrive", seconds)


@pytest.mark.proves(78)
def test_6000_lines_through_a_killed_collector_are_all_there(logs: Logs) -> None:
    """It dies while lines come, stays away while more come, and dies again while it takes in what waited."""
    collector = logs.collector()
    node = logs.sender(NODE)
    collector.start()
    node.start()
    node.write(0, ROUND)
    collector.kill()
    node.write(ROUND, 2 * ROUND)
    node.wait(lambda: node.waiting_bytes > 0, "lines wait on the disk")
    collector.start()
    collector.wait(lambda: len(collector.kept()) > ROUND // 2, "it takes lines in again")
    collector.kill()
    node.write(2 * ROUND, LINES)
    begun = time.monotonic()
    collector.start()
    wait_for(collector, LINES)
    seconds = time.monotonic() - begun
    kept = collector.kept()
    assert sorted(kept) == list(range(LINES))
    print(f"the last start to the last line: {seconds:.1f} s, {sum(kept.values()) - LINES} lines twice")


@pytest.mark.proves(78)
def test_what_only_the_collector_s_memory_has_is_not_taken_yet(logs: Logs) -> None:
    """It is killed while it cannot write: nobody reads the pipe that stands where a host's file was."""
    collector = logs.collector()
    node = logs.sender(NODE)
    collector.start()
    node.start()
    node.write(0, 1)
    wait_for(collector, 1)
    collector.stop()
    (file,) = (collector.place / "hosts").rglob("messages.log")
    aside = file.rename(file.with_suffix(".aside"))
    os.mkfifo(file)
    collector.start()
    node.write(1, HELD)
    # As long as a collector that answers too early would need for it; one that does not is only waited for.
    time.sleep(2)
    collector.kill()
    file.unlink()
    aside.rename(file)
    collector.start()
    wait_for(collector, HELD)
    assert sorted(collector.kept()) == list(range(HELD))


@pytest.mark.proves(78)
def test_what_waits_outlives_a_power_cut_of_the_host(logs: Logs, fleet: Fleet) -> None:
    """Lost on the way is at most what was in memory, and the disk had not yet counted; the host's own file has it."""
    rules = fleet.province.logs
    collector = logs.collector()
    node = logs.sender(NODE)
    node.start()
    node.write(0, ROUND)
    own = node.place / "own-syslog"
    node.wait(lambda: own.exists() and own.read_text(encoding="utf-8").count("of the test") == ROUND, "all are taken")
    # Under load the disk is behind by more; what a cut costs is told of a host that has come to rest.
    resting = ROUND - rules.memory_lines - rules.written_every
    node.wait(lambda: node.waiting_lines >= resting, "all but what stays in memory is on the disk", 60)
    node.kill()
    collector.start()
    node.start()
    node.write(ROUND, ROUND + 1)
    collector.wait(lambda: ROUND in collector.kept(), "the line after the cut arrives", 60)
    wait_for(collector, ROUND - rules.lost_at_most)
    missing = set(range(ROUND)) - set(collector.kept())
    print(f"{len(missing)} of {ROUND} lines were lost on the way")
    assert len(missing) <= rules.lost_at_most


@pytest.mark.proves(78)
def test_while_one_log_host_is_away_the_other_one_hears_of_everything(logs: Logs, fleet: Fleet) -> None:
    """Each line is at both; a queue that is full for the one that stays away does not hold up what the other gets."""
    near, far = (logs.collector(site.id) for site in fleet.data_centres)
    node = logs.sender(NODE)
    settings = node.place / "rsyslog.conf"
    text = settings.read_text(encoding="utf-8")
    room = f'queue.maxDiskSpace="{fleet.province.logs.queue_mib}m"'
    assert text.count(room) == 2
    # That of the first one is full after some hundred lines instead of days.
    text = text.replace('queue.size="10000"', 'queue.size="1000"', 1).replace(room, 'queue.maxDiskSpace="64k"', 1)
    settings.write_text(text, encoding="utf-8")
    far.start()
    near.start()
    node.start()
    node.write(0, HELD)
    wait_for(far, HELD)
    wait_for(near, HELD)
    near.kill()
    node.write(HELD, BURST)
    wait_for(far, BURST)
    begun = time.monotonic()
    node.write(BURST, BURST + 100)
    wait_for(far, BURST + 100)
    print(f"100 lines beside a full queue: {time.monotonic() - begun:.1f} s")
    near.start()
    wait_for(near, HELD + 100)
    missing = BURST + 100 - len(near.kept())
    print(f"{missing} of {BURST + 100} lines had no place to wait in")
    assert missing


def test_who_shows_the_certificate_of_another_authority_is_not_heard(logs: Logs) -> None:
    collector = logs.collector()
    stranger = logs.sender(NODE, by=authority.make("another authority", datetime.now(UTC)))
    collector.start()
    stranger.start()
    stranger.write(0, 10)
    stranger.wait(
        lambda: "authentication" in stranger.said + collector.said or "certificate" in collector.said, "refused"
    )
    assert collector.kept() == {}
