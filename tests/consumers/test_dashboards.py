"""The questions of the dashboards before Prometheus' own tool, and about figures that somebody really tells.

Debian packages no Grafana, so none has loaded these files: what draws them is not proven here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from province.exports.grafana import expressions
from province.fleet.fleet import Fleet

from .delivered import delivered, files_of_watcher
from .test_exports import asked, export

CHECKOUT = Path(__file__).resolve().parents[2]
FIGURE = re.compile(r"\b(?:province_\w+|node_\w+|cnpg_\w+|system:[\w:]+|up(?=\{)|ALERTS)")
OF_HISTOGRAMS = re.compile(r"_(bucket|count|sum)$")


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return delivered(tmp_path_factory.mktemp("delivered"))


@pytest.fixture(scope="module")
def dashboards(later: Fleet, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    place = export(later, "grafana", tmp_path_factory.mktemp("grafana"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in place.glob("*.json")}


def told(later: Fleet) -> set[str]:
    """Every figure that programs of ours and rules tell, read where it is made; of hosts, what the rules ask, too."""
    files = files_of_watcher(later)
    groups = [yaml.safe_load(files[f"/etc/prometheus/{name}.yml"])["groups"] for name in ("rules", "objectives")]
    rules = [rule for group in groups for one in group for rule in one["rules"]]
    found = {rule["record"] for rule in rules if "record" in rule} | {"up", "ALERTS"}
    hosts = [rule["expr"] for one in groups[0] for rule in one["rules"]]
    found |= {name for expr in hosts for name in FIGURE.findall(expr) if name.startswith("node_")}
    for source in ("tools/entrance/metrics.go", "templates/common/metrics/usr/local/lib/province/host-facts.j2"):
        found |= set(re.findall(r"province_\w+", (CHECKOUT / source).read_text(encoding="utf-8")))
    return found


def test_prometheus_understands_every_question(dashboards: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    asked_for = [expr for one in dashboards.values() for expr in expressions(one)]
    assert len(asked_for) > 50
    rules = [{"record": f"question:{number}", "expr": expr} for number, expr in enumerate(asked_for)]
    file = tmp_path / "questions.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "questions", "rules": rules}]}), encoding="utf-8")
    done = asked("promtool", "check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_question_is_about_figures_that_are_there(dashboards: dict[str, dict[str, Any]], later: Fleet) -> None:
    known = told(later)
    for name, one in dashboards.items():
        for expr in expressions(one):
            figures = {
                OF_HISTOGRAMS.sub("", figure) if "answer" in figure else figure for figure in FIGURE.findall(expr)
            }
            assert figures, expr
            assert figures <= known, f"{name}: {expr}"


def test_every_system_that_users_reach_has_its_pictures(dashboards: dict[str, dict[str, Any]], later: Fleet) -> None:
    text = json.dumps(dashboards["government"])
    for system in ("e-office", "one-stop", "mail"):
        assert f'system=\\\\\\"{system}\\\\\\"' in text or f'system=\\"{system}\\"' in text
    assert set(dashboards) == {"province", *{one.pillar.value for one in later.systems.values()}}


def test_panels_lie_beside_each_other_and_have_numbers_of_their_own(dashboards: dict[str, dict[str, Any]]) -> None:
    for one in dashboards.values():
        places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in one["panels"]]
        assert len(set(places)) == len(places) == len({panel["id"] for panel in one["panels"]})
