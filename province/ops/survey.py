"""All hosts of a run at once: which of them are as declared already, so that their turn can be left out.

Most runs find most hosts so. Asking is one OpenSSH client for each host and no process of Ansible's; the connection
it opens is the one that Ansible would open, and is there for the hosts whose turn comes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from province.ops.node_talk import Result, Wish, result_of
from province.ops.node_wire import COMMAND, Answer, request, spoken

ANSWER_SECONDS = 60.0
"""A host that has not answered for so long has its own turn, which says why."""

Words = Callable[[str], Sequence[str]]
"""The command line that opens a connection to a host, without what is to run there."""


@dataclass
class Found:
    """What hosts told: those that are as wished, with what they told besides, and what others lack to begin."""

    held: dict[str, Result] = field(default_factory=dict)
    lacks: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Survey:
    """How many hosts are asked at a time, and how they are reached."""

    words: Words
    at_a_time: int

    def ask(self, wishes: Iterable[tuple[str, Wish]]) -> Found:
        """Ask every host whether it is as wished.

        A host that differs, has trouble of its own, waits for something or does not answer is not `held`. Hosts are
        asked while the wishes of others are still being made; an error in making one ends it all.
        """
        return asyncio.run(self._ask_all(iter(wishes)))

    async def _ask_all(self, wishes: Iterator[tuple[str, Wish]]) -> Found:
        places = asyncio.Semaphore(self.at_a_time)
        asked: dict[str, asyncio.Task[Answer]] = {}

        async def one(name: str, wish: Wish) -> Answer:
            async with places:
                return await self._ask(name, wish)

        try:
            while (turn := await asyncio.to_thread(next, wishes, None)) is not None:
                name, wish = turn
                asked[name] = asyncio.create_task(one(name, wish))
            return _found({name: await task for name, task in asked.items()})
        finally:
            for task in asked.values():
                task.cancel()
            await asyncio.gather(*asked.values(), return_exceptions=True)

    async def _ask(self, name: str, wish: Wish) -> Answer:
        """The host's answer; empty when it gave none."""
        process = await asyncio.create_subprocess_exec(
            *self.words(name),
            f"sudo -n {COMMAND}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        asked = spoken(request("compare", digest=wish.digest, only=wish.only, check=True))
        try:
            printed, _ = await asyncio.wait_for(process.communicate(asked), ANSWER_SECONDS)
            return dict(json.loads(printed))
        except (TimeoutError, ValueError):
            return {}
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _found(answers: Mapping[str, Answer]) -> Found:
    return Found(
        held={name: result_of(answer) for name, answer in answers.items() if answer.get("good")},
        lacks={name: answer["need"] for name, answer in answers.items() if "need" in answer},
    )
