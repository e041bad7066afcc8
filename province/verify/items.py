"""What the plugin asks of pytest's items: which host a test is about, what else it is given, whether all are there."""

from __future__ import annotations

import gc

import pytest

from province.verify.check import Target
from province.verify.session import VERIFICATION


def target_of(item: pytest.Item) -> Target | None:
    """What a test is about; None for a test that is about no host."""
    found = parameters(item).get("target")
    return found if isinstance(found, Target) else None


def parameters(item: pytest.Item) -> dict[str, object]:
    """The parameters that a test was made with, by name."""
    callspec = getattr(item, "callspec", None)
    return dict(callspec.params) if callspec else {}


def is_whole(config: pytest.Config) -> bool:
    """Whether nothing but the hosts was chosen: no test by name, mark or file, and no end at the first failure.

    Marks that the project's own settings leave out of every run are no choice; no check on a host has one of them.
    """
    chosen = ("keyword", "deselect", "maxfail", "lf")
    named = any("::" in word or word.endswith(".py") for word in config.args)
    words = [*config.getini("addopts"), "-m", ""]
    marks = config.option.markexpr not in {"", words[words.index("-m") + 1]}
    return not named and not marks and not any(getattr(config.option, name, None) for name in chosen)


def begin(session: pytest.Session) -> None:
    """Ask the hosts that have checks, and open the evidence, unless that was done."""
    run = session.config.stash[VERIFICATION]
    if run.evidence is None:
        hosts = {one.host.name for one in map(target_of, session.items) if one}
        run.begin(hosts, whole=is_whole(session.config))
        # The model and all items stay to the end; looking through them for rubbish again and again finds none.
        gc.freeze()
