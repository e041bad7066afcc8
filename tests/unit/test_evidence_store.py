"""A year of evidence: whoever changes, removes, moves, cuts or signs anything anew is found, with file and line."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from province.errors import ExitCode, ProvinceError
from province.verify.evidence import EvidenceFile, read_evidence
from province.verify.history import History
from province.verify.ledger import FILE, kept, read_ledger, retire, seal
from province.verify.outcome import Outcome
from province.verify.signature import Authority, Signer, signature_path, signer_of
from province.verify.tampering import Problem, inspect

from .evidence_runs import HOSTS, START, identity, write_run

DAYS = 365
RUNS = 3


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def signer(keys: Path) -> Signer:
    return identity(keys, "authority")


@pytest.fixture(scope="module")
def authority(keys: Path, signer: Signer) -> Authority:
    return Authority((keys / "authority.pub").read_text(encoding="utf-8").strip())


@pytest.fixture
def store(tmp_path: Path, signer: Signer) -> Path:
    """A few days of their own, to do harm to."""
    folder = tmp_path / "evidence"
    for day in range(RUNS):
        write_run(folder, day, signer)
    return folder


def runs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.jsonl") if path.name != FILE)


def found(folder: Path, authority: Authority, head: str = "") -> list[str]:
    return [str(problem) for problem in inspect(folder, authority, head).problems]


def test_one_byte_of_a_year_is_found_at_its_line(authority: Authority, tmp_path: Path) -> None:
    for day in range(DAYS):
        write_run(tmp_path, day, None)

    def problems() -> list[Problem]:
        return [one for one in inspect(tmp_path, authority).problems if one.what != "is not signed"]

    assert problems() == []
    path = runs(tmp_path)[200]
    lines = path.read_bytes().splitlines(keepends=True)
    lines[5] = lines[5].replace(b'"seen":"no"', b'"seen":"nO"')
    path.write_bytes(b"".join(lines))
    (problem,) = problems()
    assert (problem.file, problem.line) == (path.name, 6)
    assert "was changed" in problem.what


def test_whichever_byte_it_is(store: Path, authority: Authority) -> None:
    path = runs(store)[1]
    written = path.read_bytes()
    for place in range(0, len(written), 701):
        data = bytearray(written)
        data[place] ^= 1
        path.write_bytes(bytes(data))
        (problem,) = inspect(store, authority).problems
        assert (problem.file, problem.line) == (path.name, written[:place].count(b"\n") + 1)


def drop_last_lines(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))


def cut_in_a_line(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def drop_a_line(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4] + lines[5:]))


def swap_two_lines(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3], lines[4] = lines[4], lines[3]
    path.write_bytes(b"".join(lines))


def add_a_line(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"{}\n")


def write_anew(path: Path) -> None:
    evidence = read_evidence(path)
    path.unlink()
    file = EvidenceFile(path, evidence.run)
    for record in evidence.records:
        file.add(record.model_copy(update={"seen": "yes"}))
    assert evidence.end
    file.close(evidence.end)


@pytest.mark.parametrize(
    ("harm", "line", "what"),
    [
        (drop_last_lines, 8, "the file ends here; 10 lines were sealed"),
        (cut_in_a_line, 10, "cut off"),
        (drop_a_line, 5, "removed or moved"),
        (swap_two_lines, 4, "removed or moved"),
        (add_a_line, 11, "no hash at its end"),
        (write_anew, None, "written anew"),
    ],
)
def test_harm_to_a_run(
    store: Path, authority: Authority, harm: Callable[[Path], None], line: int | None, what: str
) -> None:
    path = runs(store)[1]
    harm(path)
    (problem,) = inspect(store, authority).problems
    assert (problem.file, problem.line) == (path.name, line)
    assert what in problem.what


def test_a_run_that_was_removed(store: Path, authority: Authority) -> None:
    path = runs(store)[1]
    path.unlink()
    signature_path(path).unlink()
    assert found(store, authority) == [f"{path.name}: run run0001 was removed; the ledger never let it go"]


def test_the_newest_run_removed_with_its_entry_shows_by_a_head_noted_elsewhere(
    store: Path, authority: Authority
) -> None:
    noted = inspect(store, authority).head
    assert found(store, authority, noted) == []
    runs(store)[-1].unlink()
    ledger = store / FILE
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:-1]))
    assert found(store, authority) == []
    (problem,) = found(store, authority, noted)
    assert "taken away from its end" in problem


def test_a_byte_of_the_ledger(store: Path, authority: Authority, signer: Signer) -> None:
    ledger = store / FILE
    ledger.write_bytes(ledger.read_bytes().replace(b'"run":"run0001"', b'"run":"run0009"'))
    (problem,) = inspect(store, authority).problems
    assert (problem.file, problem.line) == (FILE, 2)
    with pytest.raises(ProvinceError, match=r"ledger\.jsonl:2: ") as caught:
        write_run(store, 9, signer)
    assert caught.value.exit_code is ExitCode.BAD_DATA


def test_everything_signed_again_with_another_key(
    store: Path, authority: Authority, tmp_path: Path, keys: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    forger = identity(other, "authority")
    for path in store.glob("*.jsonl"):
        path.unlink()
    for day in range(RUNS):
        write_run(store, day, forger)
    problems = found(store, authority)
    assert len(problems) == 2 * RUNS, "each entry of the ledger, and each run"
    assert all("the signature by 'ops' does not hold" in problem for problem in problems)


def test_a_signature_of_another_run(store: Path, authority: Authority) -> None:
    first, second = (signature_path(path) for path in runs(store)[:2])
    shutil.copy(first, second)
    (problem,) = found(store, authority)
    assert problem.startswith(f"{second.name}: the signature by 'ops' does not hold")


def test_a_certificate_that_had_run_out_when_it_signed(store: Path, authority: Authority, signer: Signer) -> None:
    assert authority.problem(b"x", signer.sign(b"x"), "ops", datetime(2027, 1, 1, tzinfo=UTC)) == ""
    assert "expired" in authority.problem(b"x", signer.sign(b"x"), "ops", datetime(2029, 1, 1, tzinfo=UTC))
    assert "not a listed principal" in authority.problem(b"x", signer.sign(b"x"), "lan", START)


def test_unsigned_unsealed_and_cut_short_are_told_apart(tmp_path: Path, authority: Authority, signer: Signer) -> None:
    folder = tmp_path / "evidence"
    write_run(folder, 0, None)
    write_run(folder, 1, signer, end=False)
    sealed = write_run(folder, 2, signer)
    stray = sealed.with_name("20260109T030000Z-run0008.jsonl")
    shutil.copy(write_run(tmp_path / "elsewhere", 8, signer), stray)
    inspection = inspect(folder, authority)
    assert inspection.cut_short == ("20260102T030000Z-run0001.jsonl",)
    assert [str(problem) for problem in inspection.problems] == [
        f"{FILE}:1: is not signed",
        "20260101T030000Z-run0000.jsonl.sig: is not signed",
        f"{stray.name}: ended but was never sealed: nobody vouches for it",
    ]


def test_a_run_that_was_let_go_is_no_run_that_was_removed(store: Path, authority: Authority, signer: Signer) -> None:
    (oldest, *_) = kept(read_ledger(store))
    retire(store, oldest, "13 months are over", signer, START + timedelta(days=400))
    assert not (store / oldest.file).exists()
    inspection = inspect(store, authority)
    assert (inspection.problems, inspection.runs, inspection.retired) == ((), 2, 1)
    ledger = store / FILE
    entry = ledger.read_bytes().splitlines(keepends=True)[-1]
    ledger.write_bytes(ledger.read_bytes().replace(entry, entry.replace(b"run0000", b"run0001")))
    assert found(store, authority)[0].startswith(f"{FILE}:4: ")


def test_a_run_is_sealed_once(store: Path, signer: Signer) -> None:
    again = seal(runs(store)[1], signer, START)
    assert again.line == 2
    assert len(read_ledger(store)) == RUNS


def test_the_table_tells_when_a_verdict_turned(store: Path, signer: Signer) -> None:
    table = History(store, kept(read_ledger(store)))
    assert table.refresh() == RUNS
    assert table.refresh() == 0
    assert len(table.turns(host=HOSTS[0])) == 4, "each check has its first verdict"
    assert table.turns(control=1) == []
    assert [(f"{day:%d}", outcome, count) for day, outcome, count in table.by_day()] == [
        ("01", "pass", 8),
        ("02", "pass", 8),
        ("03", "pass", 8),
    ]
    path = write_run(store, 3, signer, outcome=Outcome.FAIL)
    later = History(store, kept(read_ledger(store)))
    assert later.refresh() == 1
    turned = later.turns(host=HOSTS[1], control=26)
    assert [(f"{one.time:%d}", one.outcome, one.test) for one in turned] == [
        ("01", "pass", "ssh::check_1"),
        ("04", "fail", "ssh::check_1"),
    ]
    (newest,) = (one for one in kept(read_ledger(store)) if one.file == path.name)
    retire(store, newest, "test", signer, START)
    History(store, kept(read_ledger(store))).refresh()
    assert len(list((store / "table").glob("*.parquet"))) == RUNS


def test_who_signs_is_who_logs_in(tmp_path: Path, signer: Signer) -> None:
    config = tmp_path / "config"
    config.write_text(f"Host *\n  User ops\n  CertificateFile {signer.certificate}\n", encoding="utf-8")
    assert signer_of(config) == signer
    config.write_text("Host *\n  User ops\n", encoding="utf-8")
    assert signer_of(config) is None


def test_an_authority_that_was_let_go_counts_for_its_own_time(
    signer: Signer, authority: Authority, tmp_path: Path
) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "next"], check=True)
    new = (tmp_path / "next.pub").read_text(encoding="utf-8").strip()
    ended = START + timedelta(days=10)
    both = Authority(new, {authority.public_key: ended})
    text = signer.sign(b"seen")
    assert both.problem(b"seen", text, "ops", ended - timedelta(days=1)) == ""
    assert "does not hold" in both.problem(b"seen", text, "ops", ended + timedelta(days=1))
    assert "does not hold" in Authority(new).problem(b"seen", text, "ops", ended - timedelta(days=1))
    assert Authority(f"{new}\n{authority.public_key}").problem(b"seen", text, "ops", ended) == ""


def test_plain_tools_agree(store: Path, authority: Authority, tmp_path: Path) -> None:
    path = runs(store)[0]
    allowed = tmp_path / "allowed"
    allowed.write_text(f"* cert-authority {authority.public_key}\n", encoding="utf-8")
    words = ["ssh-keygen", "-Y", "verify", "-f", str(allowed), "-I", "ops", "-n", "province-evidence"]
    with path.open("rb") as data:
        done = subprocess.run([*words, "-s", str(signature_path(path))], stdin=data, capture_output=True, check=False)
    assert b'Good "province-evidence" signature for ops' in done.stdout
    assert all(json.loads(line)["chain"] for line in path.read_text(encoding="utf-8").splitlines())
