"""The pages about systems are what the model says today; one that differs, is missing or is left over fails."""

from __future__ import annotations

import re
from pathlib import Path

from province.docs.pages import FOLDER, pages
from province.exports import folder
from province.fleet.load import load_fleet

CHECKOUT = Path(__file__).resolve().parents[2]
PLACE = CHECKOUT / FOLDER


def test_the_pages_are_in_step_with_the_model() -> None:
    plan = folder.plan(PLACE, pages(load_fleet("production")))
    assert (plan.changed, plan.stale) == ((), ()), "run `province docs --write`"
    assert {path.name for path in PLACE.iterdir()} == {folder.LIST, *plan.files}


def test_links_of_the_pages_lead_somewhere() -> None:
    for path in PLACE.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)]+)\)", text):
            file, _, anchor = target.partition("#")
            assert (path.parent / file).exists(), f"{path.name}: {target}"
            assert not anchor or f"\n## {anchor}\n" in text, f"{path.name}: {target}"
