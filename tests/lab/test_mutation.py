"""Every control of a host is broken on real hosts, and its check must see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from province.fleet.load import load_fleet
from province.verify.evidence import read_evidence
from province.verify.run import verify
from province.verify.transport import connect

from .conftest import Command
from .people import CONFIG
from .sabotage import Sabotage, Seen, Verdict, broken, judged, load, prepared, spread

pytestmark = pytest.mark.lab


def look(hosts: Iterable[str], place: Path, *arguments: str) -> Seen:
    """One verification of these hosts, beside the evidence that counts; `arguments` are pytest's."""
    result = verify("lab", list(hosts), evidence=place, arguments=arguments)
    assert result.evidence, "the verification ended before the first host was asked"
    return {(one.host, one.test): one for one in read_evidence(result.evidence).records}


def test_every_sabotage_is_seen_by_its_check(
    ansible: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = load_fleet("lab")
    data = load()
    chosen = ("-k", " or ".join(sorted(names(data.sabotages))))
    plan = spread(data.sabotages, list(fleet.hosts.values()))
    connections = {name: connect(name, CONFIG) for name in plan}
    with ExitStack() as preparation:
        for name, rows in plan.items():
            preparation.enter_context(prepared(connections[name], rows))
        with ExitStack() as sabotage:
            for name, rows in plan.items():
                sabotage.enter_context(broken(connections[name], rows))
            spoilt = look(plan, tmp_path / "spoilt", *chosen)
        mended = look(plan, tmp_path / "mended", *chosen)
    verdicts = [judged(name, row, spoilt, mended) for name, rows in plan.items() for row in rows]
    score = summary(verdicts, data.not_shown)
    with capsys.disabled():
        print(f"\n{score}")
    unchanged = ansible("baseline", "--limit", ",".join(plan))
    assert unchanged.stdout.count("changed=0") == len(plan), unchanged.stdout
    assert not [one.line for one in verdicts if one.why], score
    assert {one.outcome for one in mended.values()} <= {"pass", "waived"}, "a mended host is as declared"


def names(rows: Iterable[Sabotage]) -> set[str]:
    """The functions of the checks that rows break: no others need run on a broken host."""
    return {test.partition("::")[2].partition("[")[0] for row in rows for test in row.tests}


def summary(verdicts: Iterable[Verdict], not_shown: Mapping[int, str]) -> str:
    """Caught and total, by row and by control, and what was not."""
    rows = list(verdicts)
    missed = [one for one in rows if one.why]
    controls = {one.row.control for one in rows}
    caught = controls - {one.row.control for one in missed}
    stand_ins = {one.row.control for one in rows if one.row.first and one.row.first.stand_in}
    sabotages = f"{len(rows) - len(missed)} of {len(rows)} sabotages caught"
    shown = f"{len(caught)} of {len(controls)} controls ({len(stand_ins)} with a stand-in)"
    return "\n".join(
        [
            f"mutation: {sabotages}, {shown}",
            *(one.line for one in missed),
            *(f"not shown {n}: {why}" for n, why in not_shown.items()),
        ]
    )
