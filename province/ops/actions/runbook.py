"""An action's runbook, out of its docstring, and the help of its command: written down in one place alone."""

from __future__ import annotations

import inspect
import textwrap

from province.errors import ProvinceError
from province.ops.actions.action import Action

SECTIONS = ("When", "Blast radius", "Way back")
WIDTH = 120


def parts(action: type[Action]) -> dict[str, str]:
    """The docstring by section, the first one under the empty name.

    Raises ProvinceError when a section is missing: without it nobody may be given the verb.
    """
    found = {"": ""}
    name = ""
    for paragraph in (inspect.getdoc(action) or "").split("\n\n"):
        text = " ".join(paragraph.split())
        if title := next((one for one in SECTIONS if text.startswith(f"{one}: ")), None):
            name, text = title, text.removeprefix(f"{title}: ")
        found[name] = f"{found[name]}\n\n{text}" if found.get(name) else text
    if missing := [one for one in SECTIONS if one not in found]:
        raise ProvinceError(f"the docstring of {action.__name__} does not say: {', '.join(missing)}")
    return found


def purpose(action: type[Action]) -> str:
    """What the command's help says."""
    told = parts(action)
    return "\n\n".join((told[""], *(f"{name}: {told[name]}" for name in SECTIONS)))


def text(action: type[Action]) -> str:
    """The runbook as Markdown: `docs/runbooks/op-<verb>.md` is this text."""
    told = parts(action)
    habits = []
    if action.urgent:
        habits.append("It waits for no other run, no window and no freeze.")
    if action.at_most:
        habits.append(f"At most {action.at_most} hosts in one call.")
    if action.at_once:
        habits.append("All hosts at the same time.")
    habits.append(
        "Without `--go` nothing is changed. `province runs` and `province why HOST` show what was done, "
        "`province runs abort` ends it."
    )
    origin = f"<!-- written by `province op runbooks --write` from {action.__module__.replace('.', '/')}.py -->"
    blocks = [
        f"# `province op {action.verb}`\n{origin}",
        _wrapped(told[""]),
        *(_wrapped(f"**{name}.** {told[name]}") for name in SECTIONS),
        "```\n" + "\n".join(action.commands) + "\n```",
        _wrapped(" ".join(habits)),
    ]
    return "\n\n".join(blocks) + "\n"


def _wrapped(paragraphs: str) -> str:
    wrap = textwrap.TextWrapper(WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n\n".join(wrap.fill(one) for one in paragraphs.split("\n\n"))
