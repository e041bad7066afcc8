"""Registers among the trust anchors that commands write and Git keeps: YAML, a line for each row."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from province.fleet.documents import read_yaml
from province.fleet.fact import Fact
from province.fleet.findings import BadData, Finding

FactT = TypeVar("FactT", bound=Fact)


def read_rows(rows: TypeAdapter[tuple[FactT, ...]], path: Path, mend: str) -> tuple[FactT, ...]:
    """The rows of a register, the oldest first; none where there is no file.

    Raises BadData that names the file and the key.
    """
    shown = "/".join(path.parts[-4:])
    if not path.is_file():
        return ()
    try:
        return rows.validate_python(read_yaml(path, shown) or ())
    except ValidationError as error:
        raise BadData(
            Finding(shown, ".".join(map(str, item["loc"])), str(item["input"])[:60], item["msg"], mend)
            for item in error.errors(include_url=False)
        ) from None


def written_rows(rows: Iterable[Fact], heading: str) -> str:
    """The content of a register, under a comment that says who writes it."""
    lines = [f"# {heading}"]
    lines += [f"- {json.dumps(row.model_dump(mode='json'), ensure_ascii=False)}" for row in rows]
    return "\n".join(lines) + "\n"
