"""What a year of evidence costs: 365 daily runs over 204 hosts, 130 checks each; sealed, inspected, asked.

Runs of `--days` are really written, sealed and inspected. Questions are asked over `--table-days`: the table of the
days that were written is copied, with later times, until the year is full. Two ways to ask are measured side by side:
Parquet files with DuckDB (what the product uses), and SQLite with an index for each question. SQLite gets the days that
were written only, because filling it takes long. Seconds on a busy machine say little: the load stands beside them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb

from province.verify.chain import chained, link
from province.verify.evidence import End, Record, Run, file_name
from province.verify.history import History
from province.verify.ledger import Sealed, kept, read_ledger, seal
from province.verify.outcome import Outcome
from province.verify.signature import Authority, Signer
from province.verify.tampering import inspect

START = datetime(2026, 1, 1, 3, tzinfo=UTC)
FAILS_EVERY = 997
"""One check in so many fails, another one on each day."""

QUESTIONS = {
    "one host over the year": "SELECT time, test, outcome FROM checks WHERE host = 'host-100' AND outcome <> 'pass'",
    "who fails a control today": (
        "SELECT host FROM checks WHERE test = 'subject::check_7' AND outcome = 'fail' "
        "AND time >= (SELECT max(time) FROM checks) - {day} ORDER BY host"
    ),
    "verdicts by day": "SELECT {trunc}, outcome, count(*) FROM checks GROUP BY 1, 2 ORDER BY 1, 2",
    "one check on one host": (
        "SELECT time, outcome, seen FROM checks WHERE host = 'host-100' AND test = 'subject::check_7' ORDER BY time"
    ),
    "most failures in the year": (
        "SELECT host, count(*) FROM checks WHERE outcome = 'fail' GROUP BY host ORDER BY 2 DESC, 1 LIMIT 20"
    ),
}


def measure(words: Sequence[str]) -> dict[str, object]:
    """Seconds (wall and CPU of this process) and bytes; every figure is of this one run."""
    parser = argparse.ArgumentParser(prog="python -m bench evidence")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--hosts", type=int, default=204)
    parser.add_argument("--checks", type=int, default=130)
    parser.add_argument("--table-days", type=int, default=365)
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="province-evidence-") as place:
        folder = Path(place)
        signer, authority = _identity(folder)
        store = folder / "evidence"
        store.mkdir()
        written = _timed(lambda: _write(store, signer, options.days, options.hosts, options.checks))
        runs = kept(read_ledger(store))
        history = History(store, runs)
        copied = _timed(history.refresh)
        whole = _timed(lambda: _no_problem(store, authority))
        written_table = sum(path.stat().st_size for path in (store / "table").iterdir())
        year = History(store, [*runs, *_fill_up(store / "table", runs, options.table_days)])
        asked = {name: _timed(partial(year.ask, _duckdb(text))) for name, text in QUESTIONS.items()}
        turns = _timed(lambda: year.turns(control=8))
        count = year.ask("SELECT count(*) FROM checks")[0][0]
        table = sum(path.stat().st_size for path in (store / "table").iterdir())
        return {
            "load_average": round(os.getloadavg()[0], 1),
            "days": options.days,
            "hosts": options.hosts,
            "checks_per_host": options.checks,
            "lines": sum(run.lines for run in runs),
            "evidence_mib": _mib(sum((store / run.file).stat().st_size for run in runs)),
            "write_and_seal": written,
            "verify_every_byte_and_signature": whole,
            "one_byte_changed": _tamper(store, authority),
            "duckdb_parquet": {
                "days": options.table_days,
                "checks": count,
                "mib": _mib(table),
                "mib_of_the_days_written": _mib(written_table),
                "copy": copied,
                "questions": asked,
                "turns_of_a_control": turns,
            },
            "sqlite": _sqlite(folder, store, [run.file for run in runs]),
        }


def _identity(folder: Path) -> tuple[Signer, Authority]:
    for key in ("authority", "ops"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
    words = ["-s", str(folder / "authority"), "-I", "ops", "-n", "ops", "-V", "20260101:20281231"]
    subprocess.run(["ssh-keygen", "-q", *words, str(folder / "ops.pub")], check=True)
    public = (folder / "authority.pub").read_text(encoding="utf-8").strip()
    return Signer(folder / "ops-cert.pub", "ops"), Authority(public)


def _write(store: Path, signer: Signer, days: int, hosts: int, checks: int) -> None:
    """Every day's run as the product would have written it: the same lines, with the day's time and verdicts."""
    bodies = [_body(host, check) for host in range(hosts) for check in range(checks)]
    number = 0
    for day in range(days):
        started = START + timedelta(days=day)
        run = Run(
            run=f"{day:08x}",
            environment="production",
            started=started,
            commit="c" * 40,
            verifier="ops@desk",
            hosts=tuple(f"host-{one}" for one in range(hosts)),
        )
        path = store / file_name(started, run.run)
        moment = started.isoformat()
        with path.open("wb", buffering=1 << 20) as file:
            head = link("", body := run.model_dump_json())
            file.write(chained(body, head))
            for template in bodies:
                number += 1
                failed = number % FAILS_EVERY == 0
                body = template.replace("@run@", run.run).replace("@time@", moment)
                body = body.replace('"pass"', '"fail"').replace('"seen":"no"', '"seen":"yes"') if failed else body
                head = link(head, body)
                file.write(chained(body, head))
            body = End(run=run.run, time=started, checks=len(bodies), exit_code=0).model_dump_json()
            file.write(chained(body, link(head, body)))
        seal(path, signer, started + timedelta(minutes=5))


def _fill_up(table: Path, runs: Sequence[Sealed], days: int) -> list[Sealed]:
    """Later days, each one a copy of a day that was written; the entries name them as the product would."""
    added = []
    with duckdb.connect() as connection:
        for day in range(len(runs), days):
            source = runs[day % len(runs)]
            later = day - day % len(runs)
            entry = source.model_copy(update={"sha256": f"{day:064x}"[::-1], "started": START + timedelta(days=day)})
            rows = connection.read_parquet(str(table / f"{source.sha256[:32]}.parquet"))
            moved = rows.project(f"* REPLACE (time + INTERVAL {later} DAY AS time)")
            moved.write_parquet(str(table / f"{entry.sha256[:32]}.parquet"), compression="zstd")
            added.append(entry)
    return added


def _body(host: int, check: int) -> str:
    record = Record(
        run="@run@",
        time=START,
        host=f"host-{host}",
        commune=f"3{host // 2:04}",
        body="party" if host % 2 else "people",
        test=f"subject::check_{check}",
        title="Administrators act under their own name (TCVN 14423:2026, 5.6.2.3).",
        subject="subject",
        controls=(check % 85 + 1,),
        outcome=Outcome.PASS,
        seen="no",
        expected="no",
        seconds=0.001,
        boot="8ee6db20-a55e-4eb5-b315-bdc1d0ecf844",
        manifest=f"{host:064x}",
        plan=f"{host:064x}",
        commands=f"{check:064x}",
        commit="c" * 40,
        verifier="ops@desk",
    )
    text = record.model_dump_json()
    return text.replace(json.loads(text)["time"], "@time@")


def _no_problem(store: Path, authority: Authority) -> None:
    if problems := inspect(store, authority).problems:
        raise RuntimeError(f"evidence that nobody touched has problems: {problems[:3]}")


def _tamper(store: Path, authority: Authority) -> dict[str, object]:
    """Change one byte in the middle of the year and say what is found."""
    runs = kept(read_ledger(store))
    path = store / runs[len(runs) // 2].file
    with path.open("r+b") as file:
        place = path.stat().st_size // 2
        file.seek(place)
        old = file.read(1)
        file.seek(place)
        file.write(bytes([old[0] ^ 1]))
        file.seek(0)
        line = file.read(place).count(b"\n") + 1
    begun = time.perf_counter()
    problems = inspect(store, authority).problems
    return {
        "seconds": round(time.perf_counter() - begun, 1),
        "changed": f"line {line} of run {len(runs) // 2 + 1} of {len(runs)}",
        "found": [
            f"line {one.line} of the file that was changed: {one.what}" for one in problems if one.file == path.name
        ],
        "other_problems": sum(one.file != path.name for one in problems),
    }


def _sqlite(folder: Path, store: Path, files: list[str]) -> dict[str, object]:
    path = folder / "evidence.sqlite"
    connection = sqlite3.connect(path)
    filled = _timed(lambda: _fill(connection, store, files))
    asked = {name: _timed(partial(_all, connection, _sqlite_words(text))) for name, text in QUESTIONS.items()}
    connection.close()
    return {"days": len(files), "mib": _mib(path.stat().st_size), "copy": filled, "questions": asked}


def _all(connection: sqlite3.Connection, query: str) -> list[object]:
    return connection.execute(query).fetchall()


def _fill(connection: sqlite3.Connection, store: Path, files: list[str]) -> None:
    connection.execute("CREATE TABLE checks (time TEXT, host TEXT, test TEXT, outcome TEXT, seen TEXT)")
    connection.executemany("INSERT INTO checks VALUES (?, ?, ?, ?, ?)", _rows(store, files))
    connection.execute("CREATE INDEX by_host ON checks (host, test, time, outcome)")
    connection.execute("CREATE INDEX by_outcome ON checks (outcome, test, time, host)")
    connection.execute("CREATE INDEX by_time ON checks (time, outcome)")
    connection.commit()


def _rows(store: Path, files: list[str]) -> Iterator[tuple[str, ...]]:
    lines = itertools.chain.from_iterable((store / name).open(encoding="utf-8") for name in files)
    for line in lines:
        row = json.loads(line)
        if row["kind"] == "check":
            yield row["time"], row["host"], row["test"], row["outcome"], row["seen"]


def _duckdb(text: str) -> str:
    return text.format(day="INTERVAL 1 DAY", trunc="date_trunc('day', time)")


def _sqlite_words(text: str) -> str:
    return text.replace("(SELECT max(time) FROM checks) - {day}", "(SELECT date(max(time)) FROM checks)").format(
        trunc="substr(time, 1, 10)"
    )


def _timed(work: Callable[[], object]) -> dict[str, float]:
    begun, cpu = time.perf_counter(), time.process_time()
    work()
    return {"seconds": round(time.perf_counter() - begun, 3), "cpu_seconds": round(time.process_time() - cpu, 3)}


def _mib(size: int) -> float:
    return round(size / 2**20, 1)
