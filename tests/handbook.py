"""The commands of the operators' handbook, as they stand in its pages."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

HANDBOOK = Path(__file__).parents[1] / "docs" / "handbook"
PAGES = ("first-day", "week", "bad-night", "field-swap")
FENCE = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    """One line of a block: where it stands, and its words."""

    page: str
    line: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.line)

    @property
    def changes(self) -> bool:
        """Whether it does more than look."""
        doing = (
            "apply",
            "claim",
            "enrol",
            "export",
            "provision",
            "report",
            "verify",
            "signatures import",
            "signatures tell",
        )
        bare = " ".join(self.words[1:3])
        looks = {"--check", "--help"} & set(self.words)
        acts = (
            "--go" in self.words or bare.startswith(doing) or bare in ("node rollback", "runs abort", "incident open")
        )
        return not looks and (acts or bare.startswith("certificates"))


def page(name: str, language: str = "en") -> str:
    """The text of a page."""
    return (HANDBOOK / ("" if language == "en" else language) / f"{name}.md").read_text(encoding="utf-8")


def commands(language: str = "en") -> list[Command]:
    """Every command of the handbook, in order."""
    return [
        Command(name, line)
        for name in PAGES
        for block in FENCE.findall(page(name, language))
        for line in block.splitlines()
    ]
