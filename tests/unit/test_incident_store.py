"""The files of incidents: what was acknowledged stays, what was changed is found, exercises are elsewhere."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from province.errors import ExitCode, ProvinceError
from province.incident.entry import Noted
from province.incident.incident import Incident
from province.incident.store import Store
from province.incident.timeline import append, read

from .incident_cases import NOW, closing, file_of, note, opened_in

WRITERS, NOTES = 4, 20
KILLED = """
import os, signal, sys
from pathlib import Path
from province.incident import timeline
from province.incident.entry import Noted
from tests.unit.incident_cases import note

path, how = Path(sys.argv[1]), sys.argv[2]
for number in range(5):
    timeline.append(path, note(f"acknowledged {number}"))
    print(number, flush=True)
end = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
write = os.write
if how == "before-sync":
    timeline.append(path, note("never acknowledged"), sync=end)
timeline.os.write = lambda descriptor, line: (write(descriptor, line[: len(line) // 2]), end())
timeline.append(path, note("never acknowledged"))
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def noted(store: Store) -> Incident:
    """An incident with a few notes."""
    opened = opened_in(store)
    for number in range(3):
        store.add(opened.id, note(f"Dòng {number}\u2028với ký tự lạ"))
    return store.get(opened.id)


def texts(incident: Incident) -> list[str]:
    return [one.text for one in incident.later if isinstance(one, Noted)]


def test_numbers_follow_within_the_local_year(store: Store) -> None:
    eve = datetime(2026, 12, 31, 16, 59, tzinfo=UTC)
    assert [opened_in(store, eve).id, opened_in(store, eve).id] == ["incident-2026-0001", "incident-2026-0002"]
    assert opened_in(store, datetime(2026, 12, 31, 17, 0, tzinfo=UTC)).id == "incident-2027-0001"


@pytest.mark.proves(76)
def test_exercises_are_never_among_incidents(tmp_path: Path) -> None:
    real, played = Store(tmp_path), Store(tmp_path, exercises=True)
    opened_in(real)
    exercise = opened_in(played)
    assert exercise.opened.exercise
    assert [one.id for one in real.all().incidents] == ["incident-2026-0001"]
    assert [one.id for one in played.all().incidents] == ["exercise-2026-0001"]
    shutil.copyfile(played.path(exercise.id), real.folder / "incident-2026-0002.jsonl")
    (problem,) = real.all().problems
    assert "is not the opening of incident-2026-0002" in str(problem)


def test_whichever_byte_is_changed_it_is_found_with_its_line(noted: Incident, tmp_path: Path) -> None:
    path = file_of(tmp_path, noted)
    written = path.read_bytes()
    for place in range(len(written)):
        data = bytearray(written)
        data[place] ^= 1
        path.write_bytes(bytes(data))
        with pytest.raises(ProvinceError) as raised:
            read(path)
        line = written[:place].count(b"\n") + 1
        assert raised.value.message.startswith(f"{path}:{line}: ")
        assert "back from its backup" in raised.value.hint
        assert raised.value.exit_code is ExitCode.BAD_DATA


def test_nothing_is_added_to_a_file_that_was_changed(noted: Incident, store: Store, tmp_path: Path) -> None:
    path = file_of(tmp_path, noted)
    changed = path.read_bytes().replace("Dòng 1".encode(), "Dòng 9".encode())
    path.write_bytes(changed)
    with pytest.raises(ProvinceError, match=r"jsonl:3: the line does not follow"):
        store.add(noted.id, note())
    assert path.read_bytes() == changed


def test_one_changed_file_hides_no_other(noted: Incident, store: Store, tmp_path: Path) -> None:
    opened_in(store)
    path = file_of(tmp_path, noted)
    path.write_bytes(path.read_bytes().replace(b"phu-quoc", b"phu-quok"))
    found = store.all()
    assert [one.id for one in found.incidents] == ["incident-2026-0002"]
    (problem,) = found.problems
    assert problem.message.startswith(f"{path}:1: ")


def test_a_removed_file_leaves_a_gap(noted: Incident, store: Store, tmp_path: Path) -> None:
    opened_in(store)
    file_of(tmp_path, noted).unlink()
    (problem,) = store.all().problems
    assert "incident-2026-0001.jsonl: was removed" in str(problem)


def test_wherever_a_last_line_is_torn_the_others_count(noted: Incident, store: Store, tmp_path: Path) -> None:
    path = file_of(tmp_path, noted)
    written = path.read_bytes()
    begin = written[:-1].rfind(b"\n") + 1
    for end in range(begin + 1, len(written) - 1):
        path.write_bytes(written[:end])
        torn = store.get(noted.id)
        assert (torn.torn, len(texts(torn))) == (end - begin, 2)
        again = store.add(noted.id, note("sau đó"))
        assert (again.torn, texts(again)[-1], len(texts(again))) == (0, "sau đó", 3)


def test_a_whole_last_line_without_its_line_feed_counts(noted: Incident, store: Store, tmp_path: Path) -> None:
    path = file_of(tmp_path, noted)
    path.write_bytes(path.read_bytes()[:-1])
    assert store.get(noted.id).later == noted.later
    assert len(texts(store.add(noted.id, note()))) == 4


def test_an_opening_that_was_torn_was_none_and_gives_its_number_back(noted: Incident, store: Store) -> None:
    torn = store.path("incident-2026-0002")
    torn.write_bytes(b'{"kind":"opened","inc')
    assert [one.id for one in store.all().incidents] == [noted.id]
    assert opened_in(store).id == "incident-2026-0002"


def test_an_entry_is_on_the_disk_before_it_is_acknowledged(noted: Incident, tmp_path: Path) -> None:
    path = file_of(tmp_path, noted)
    seen: list[bytes] = []

    def sync(descriptor: int) -> None:
        os.fsync(descriptor)
        seen.append(path.read_bytes())

    chain = append(path, note("dòng cuối"), sync=sync)
    assert len(seen) == 1
    assert chain.encode() in seen[0].splitlines()[-1]


def test_a_full_disk_is_one_message_and_leaves_the_file_as_it_was(noted: Incident, tmp_path: Path) -> None:
    path = file_of(tmp_path, noted)
    written = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ProvinceError, match="the entry was not written: No space left on device") as raised:
        append(path, note(), sync=full)
    assert raised.value.exit_code is ExitCode.MACHINE
    assert path.read_bytes() == written


def test_a_file_that_cannot_be_read_is_one_message(noted: Incident, store: Store) -> None:
    store.path("incident-2026-0002").mkdir()
    found = store.all()
    assert [one.id for one in found.incidents] == [noted.id]
    assert "cannot be read: Is a directory" in str(found.problems[0])


@pytest.mark.parametrize(("how", "unacknowledged"), [("before-sync", 1), ("in-the-middle", 0)])
def test_a_writer_that_is_killed_loses_nothing_acknowledged(
    noted: Incident, store: Store, tmp_path: Path, how: str, unacknowledged: int
) -> None:
    path = file_of(tmp_path, noted)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), how],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.split()) == (-signal.SIGKILL, list("01234")), done.stderr
    found = texts(store.get(noted.id))
    assert found[3:8] == [f"acknowledged {number}" for number in range(5)]
    assert len(found) == 8 + unacknowledged
    assert texts(store.add(noted.id, note("tiếp"))) == [*found, "tiếp"]


def test_writers_at_once_lose_no_line_and_share_no_number(store: Store) -> None:
    first = opened_in(store).id

    def work() -> None:
        opened_in(store)
        for number in range(NOTES):
            store.add(first, note(f"{os.getpid()} {number}"))

    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=work) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    found = store.all()
    assert found.problems == ()
    assert len(found.incidents) == 1 + WRITERS
    assert len(set(texts(store.get(first)))) == WRITERS * NOTES


def test_an_incident_is_closed_once_and_noted_on_after(noted: Incident, store: Store) -> None:
    store.add(noted.id, closing())
    with pytest.raises(ProvinceError, match="is closed already"):
        store.add(noted.id, closing())
    assert texts(store.add(noted.id, note("Bổ sung")))[-1] == "Bổ sung"


@pytest.mark.parametrize("id_", ["incident-2026-0009", "", "../incidents/incident-2026-0001", "exercise-2026-0001"])
def test_an_id_that_is_none_is_refused(noted: Incident, store: Store, id_: str) -> None:
    with pytest.raises(ProvinceError, match="no incident") as raised:
        Store.holding(store.root, id_).add(id_, note())
    assert raised.value.exit_code is ExitCode.USAGE


def test_times_are_kept_in_utc(noted: Incident, tmp_path: Path) -> None:
    assert f'"detected":"{NOW:%Y-%m-%d}T00:30:00Z"' in file_of(tmp_path, noted).read_text(encoding="utf-8")
