"""Whether two stores hold the same mail: folder by folder by one checksum, message by message where that differs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from province.migration.mailboxes.look import UNREADABLE
from province.migration.mailboxes.store import MailStore, Seen

NAMED = 20
"""Of how many folders that differ the messages are named one by one; of the others only the folder."""
_PARTS = ("flags", "date", "head", "body")


@dataclass(frozen=True)
class Compared:
    """What was compared: messages that are not the same, folders that are not, how many messages there are, bytes."""

    different: tuple[str, ...]
    shapes: tuple[str, ...]
    messages: int
    bytes: int


def compare(source: MailStore, target: MailStore, users: Sequence[str], *, moving: bool = False) -> Compared:
    """Compare all mail of these users. `moving`: people write to the source, so what changed since counts for nothing.

    Both hosts read at the same time.
    """
    here, there = _both(source, target, users, each=False)
    keys = sorted(here.keys() | there.keys())
    apart = [key for key in keys if not _alike(here.get(key), there.get(key))]
    shapes = tuple(_named(key) for key in keys if key not in here or key not in there or _unlike(here[key], there[key]))
    named = _messages(source, target, apart[:NAMED], moving=moving) if apart else iter(())
    found = [*named, *(() if moving else (_named(key) for key in apart[NAMED:]))]
    return Compared(
        tuple(found),
        () if moving else shapes,
        sum(one.messages for one in here.values()),
        sum(one.vsize for one in here.values()),
    )


def behind(source: MailStore, target: MailStore, users: Sequence[str]) -> int:
    """Bytes of messages by which the folders of both differ; a folder that differs otherwise counts for one."""
    with ThreadPoolExecutor() as pool:
        here, there = (
            {one.key: one for one in side}
            for side in pool.map(lambda store: store.look(users, content=False), (source, target))
        )
    much = 0
    for key in here.keys() | there.keys():
        one, other = here.get(key), there.get(key)
        if (
            one is None
            or other is None
            or (one.messages, one.uidnext, one.vsize)
            != (
                other.messages,
                other.uidnext,
                other.vsize,
            )
        ):
            much += max(1, abs((one.vsize if one else 0) - (other.vsize if other else 0)))
    return much


def _both(
    source: MailStore, target: MailStore, users: Sequence[str], *, each: bool
) -> tuple[dict[tuple[str, str], Seen], dict[tuple[str, str], Seen]]:
    with ThreadPoolExecutor() as pool:
        looks = pool.map(lambda store: store.look(users, content=True, each=each), (source, target))
        here, there = ({one.key: one for one in side} for side in looks)
    return here, there


def _messages(source: MailStore, target: MailStore, keys: Sequence[tuple[str, str]], *, moving: bool) -> Iterator[str]:
    here, there = _both(source, target, sorted({user for user, _ in keys}), each=True)
    for key in keys:
        one, other = here.get(key), there.get(key)
        mine = {uid: rest for uid, *rest in (one.each or ())} if one else {}
        theirs = {uid: rest for uid, *rest in (other.each or ())} if other else {}
        came = other.uidnext if other else math.inf
        for uid in sorted(mine.keys() | theirs.keys()):
            if uid not in theirs:
                # What came after the copy was made is not in it.
                if not moving or uid < came:
                    yield f"{_named(key)} message {uid}: lacks"
            elif uid not in mine:
                # Thrown away since, where people go on.
                if not moving:
                    yield f"{_named(key)} message {uid}: nobody sent it over"
            elif wrong := [
                part
                for part, a, b in zip(_PARTS, mine[uid], theirs[uid], strict=True)
                if (a != b or a == UNREADABLE) and not (moving and part == "flags")
            ]:
                yield f"{_named(key)} message {uid}: {', '.join(wrong)}"


def _alike(here: Seen | None, there: Seen | None) -> bool:
    """Whether both hold the same; an empty folder holds what none does, and of what nobody can read nobody knows."""
    one, other = (seen.digest if seen and seen.messages else "" for seen in (here, there))
    return one == other and one != UNREADABLE


def _unlike(here: Seen, there: Seen) -> bool:
    return here.shape != there.shape


def _named(key: tuple[str, str]) -> str:
    return f"{key[0]} {key[1]}"
