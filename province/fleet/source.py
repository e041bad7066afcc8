"""Where the facts come from: laws, standards, public pages, reports of the province, and our own assumptions.

`sources.yml` is a list: `- {id: S2, title: ..., kind: report, note: ...}`.
"""

from __future__ import annotations

from enum import StrEnum

from province.fleet.fact import Fact, NonBlank, SourceRef


class SourceKind(StrEnum):
    """How far a source may be trusted: from a text that was read to something only remembered."""

    REPORT = "report"
    PAGE = "page"
    REPOSITORY = "repository"
    COMPUTED = "computed"
    ASSUMPTION = "assumption"
    MEMORY = "memory"


class Source(Fact):
    """One source that facts name in their key `source`.

    `note` says what was taken from it and what was not seen (an excerpt, a summary, one old province).
    """

    id: SourceRef
    title: NonBlank
    kind: SourceKind
    note: NonBlank | None = None
