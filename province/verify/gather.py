"""Everything that checks want to know of many hosts: one round trip for each, many hosts at a time.

The OpenSSH client carries it, over a connection of its own: what a host says before it lets anybody in is one of the
answers, and who comes over a kept connection does not hear it. The program that answers
(`on_host`) is sent along, so a host needs nothing but Python. Its standard input is read by that program and never by
a shell: a host's login shell and locale make no difference.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from province.verify.reach import APPLIED
from province.verify.snapshot import Said, Snapshot, Stamp
from province.verify.transport import ANSWER_SECONDS, COMMAND_SECONDS, FRESH, last_words, ssh_words

ENTER = "sudo -n /usr/bin/python3 -ISc 'import json,sys;exec(json.loads(sys.stdin.readline()))'"
"""What the login shell is given: it means the same to every shell."""

AT_A_TIME = 8
"""Hosts that are asked side by side. Those of a lab share two cores, and are at work while they answer."""

SILENCE_SECONDS = 20.0
"""A host that is asked says something every five seconds; after this long it is gone."""

LONGEST_LINE = 1 << 30
"""Bytes of one answer, packed."""


@dataclass(frozen=True)
class Gathered:
    """A host's snapshot, or why there is none and how much it still answered before it fell silent."""

    snapshot: Snapshot | None = None
    silence: str = ""


@dataclass(frozen=True)
class Limits:
    """How many hosts at a time; seconds for a command, until a first word, and between two words."""

    at_a_time: int = AT_A_TIME
    command: float = COMMAND_SECONDS
    first: float = ANSWER_SECONDS
    silence: float = SILENCE_SECONDS


class _Silent(Exception):
    """The host does not answer, or not any more."""


@cache
def _program() -> str:
    return json.dumps((Path(__file__).parent / "on_host.py").read_text(encoding="utf-8"))


def gather(
    commands: Mapping[str, Sequence[str]], ssh_config: Path, limits: Limits | None = None
) -> dict[str, Gathered]:
    """Ask every host its commands; one that something was applied to meanwhile is asked once more."""
    # It warns of a client that has ended before its transport was closed; whether all was said stands in its last line.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    return asyncio.run(_gather(commands, ssh_config, limits or Limits()))


async def _gather(commands: Mapping[str, Sequence[str]], ssh_config: Path, limits: Limits) -> dict[str, Gathered]:
    places = asyncio.Semaphore(limits.at_a_time)

    async def one(name: str) -> Gathered:
        async with places:
            found = await _ask(name, commands[name], ssh_config, limits)
            if found.snapshot and found.snapshot.before != found.snapshot.after:
                found = await _ask(name, commands[name], ssh_config, limits)
            return found

    return dict(zip(commands, await asyncio.gather(*map(one, commands)), strict=True))


async def _ask(name: str, commands: Sequence[str], ssh_config: Path, limits: Limits) -> Gathered:
    """One round trip with one host."""
    process = await asyncio.create_subprocess_exec(
        *ssh_words(ssh_config, name, *FRESH),
        ENTER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
    )
    reader = asyncio.create_task(_told(process))
    said: dict[str, Said] = {}
    asked = json.dumps({"commands": commands, "seconds": limits.command, "applied": APPLIED})
    try:
        _send(process, f"{_program()}\n{asked}\n")
        lines = _lines(process, limits)
        first = await anext(lines)
        async for line in lines:
            if line.get("end"):
                stamps = (Stamp(**first["applied"]), Stamp(**line["applied"]))
                taken = time.monotonic()
                await _end(process)
                banner = (await reader).decode(errors="replace")
                return Gathered(Snapshot(first["boot"], *stamps, taken, said, banner))
            if "number" in line:
                said[commands[line["number"]]] = _said(line)
    except (_Silent, StopAsyncIteration, ValueError, KeyError, OSError) as error:
        await _end(process)
        why = str(error) if isinstance(error, _Silent) else last_words(await reader)
        return Gathered(silence=f"{why} (after {len(said)} of {len(commands)} answers)" if said else why)
    finally:
        await _end(process)
        reader.cancel()
    return Gathered(silence=f"the connection ended (after {len(said)} of {len(commands)} answers)")


def _send(process: asyncio.subprocess.Process, text: str) -> None:
    """Hand everything over; the event loop writes it as the other end takes it."""
    assert process.stdin  # noqa: S101 - it is a pipe
    process.stdin.write(text.encode())
    with suppress(OSError):
        process.stdin.write_eof()


async def _lines(process: asyncio.subprocess.Process, limits: Limits) -> AsyncIterator[dict[str, Any]]:
    """What the host says, line by line; _Silent when it stops for too long."""
    assert process.stdout  # noqa: S101 - it is a pipe
    patience = limits.first
    while True:
        try:
            line = await asyncio.wait_for(process.stdout.readline(), patience)
        except TimeoutError:
            raise _Silent(f"no answer within {patience:g} s") from None
        if not line.endswith(b"\n"):
            return
        if (found := _object(line)) is not None:
            patience = limits.silence
            yield found


def _object(line: bytes) -> dict[str, Any] | None:
    """A line of the answer; None for what a chatty login shell says first."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


async def _told(process: asyncio.subprocess.Process) -> bytes:
    """What ssh, or the host's Python, said beside the answers."""
    assert process.stderr  # noqa: S101 - it is a pipe
    return await process.stderr.read()


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _said(line: Mapping[str, Any]) -> Said:
    if line.get("hung"):
        return Said(-1, b"", b"", hung=True)
    return Said(line["code"], _unpacked(line["out"]), _unpacked(line["err"]))


def _unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))
