"""Leave to change hosts now: what the calendar forbids is refused, and in an emergency written down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from province.errors import ExitCode, ProvinceError
from province.fleet.calendar import held
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.rollout.controller import Intent


def with_leave(fleet: Fleet, hosts: Iterable[Host], now: datetime, intent: Intent, *, emergency: bool) -> Intent:
    """The intent, with what it goes over.

    Raises ProvinceError when a window is closed or a freeze holds; an emergency goes over them and needs a ticket.
    """
    against = held(fleet, hosts, now)
    if not against:
        return intent
    said = "; ".join(against)
    if not emergency:
        raise ProvinceError(
            f"not now: {said}; nothing was changed",
            hint="wait for the window (province calendar), or --emergency with --ticket: the journal then says so",
        )
    if not intent.ticket.strip():
        raise ProvinceError(f"an emergency goes over {said}: it needs a --ticket", exit_code=ExitCode.USAGE)
    return replace(intent, against=tuple(against))
