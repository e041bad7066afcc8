"""The changelog: what came with each release, and what an operator must do for it."""

from __future__ import annotations

from collections.abc import Iterator

from province.releases.change import Change, History
from province.releases.upgrade import upgrade

FILE = "CHANGELOG.md"
NEXT = "Next"
HEAD = """\
# Changelog
Written by `province release notes --write` from `releases.yml` and `ansible/changes/`. Each entry touches hosts; what
only clusters, programs or pages have is in the history of the repository. Versions are semantic: while the first number
stays, the steps under a release are all that an operator does. `province release plan --from VERSION` prints them from
any release to what lies here."""


def changelog(history: History) -> str:
    """The whole file, the newest release first."""
    parts = [HEAD, *_section(NEXT, [one for one in history.changes if one.release is None], _newest(history))]
    for place in reversed(range(len(history.releases))):
        release = history.releases[place]
        before = history.releases[place - 1].version if place else None
        changes = [one for one in history.changes if one.release == release.version]
        parts += _section(f"{release.version} ({release.day})", changes, before)
    return "\n\n".join(parts) + "\n"


def _newest(history: History) -> str | None:
    return history.releases[-1].version if history.releases else None


def _section(title: str, changes: list[Change], since: str | None) -> Iterator[str]:
    if not changes:
        return
    yield f"## {title}"
    if since and (way := upgrade(changes, since)):
        yield "\n".join([f"From {since}:", "```", *way.steps, "```"])
    for one in reversed(changes):
        said = one.said
        yield f"### {one.number:04} {said.title}"
        yield said.why.strip()
        yield f"Hosts: {said.hosts}. Way back: {said.way_back.strip()}"
