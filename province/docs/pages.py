"""All pages of the model, by the name of their file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from province.docs.authorities import data_protection_page, level_page
from province.docs.flow_matrix import matrix_page
from province.docs.flow_rows import flow_rows
from province.docs.page import page, table
from province.docs.pictures import PLATFORM, context
from province.docs.systems import system_page
from province.fleet.system import Pillar

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet

FOLDER = "docs/systems"
"""Where the pages are, below the checkout; nothing else is in it."""


def pages(fleet: Fleet) -> dict[str, str]:
    """Every page: its name below the folder, and its text."""
    rows = flow_rows(fleet)
    written = {
        "flow-matrix.md": matrix_page(fleet, rows),
        "data-protection.md": data_protection_page(fleet, rows),
        "level-dossier.md": level_page(fleet, rows),
    }
    written |= {f"{pillar.value}.md": system_page(fleet, pillar, rows) for pillar in Pillar}
    written[f"{PLATFORM}.md"] = system_page(fleet, None, rows)
    counted = (
        f"{len(fleet.systems)} systems of {len(Pillar)} pillars on {len(fleet.platform)} parts of the platform, "
        f"{len(fleet.endpoints)} endpoints of others, {len(rows)} flows. Figures at arrows count flows."
    )
    index = page(
        f"The systems of {fleet.province.name.en}",
        [counted],
        context(fleet, rows),
        table(("page", "what"), ((f"[{name}]({name})", _title(text)) for name, text in written.items())),
    )
    return {"README.md": index, **written}


def _title(text: str) -> str:
    return text.partition("\n")[0].removeprefix("# ")
