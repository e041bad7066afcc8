"""Run a plugin written in Python, above all a policy pack, as a child process of its own."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from pulumi.runtime.proto import language_pb2

from province.toolchain.pulumi_host.lifeline import Lifeline

_CHUNK_BYTES = 65536


def command(request: language_pb2.RunPluginRequest) -> list[str]:
    """Return the command line of a plugin.

    A policy pack (kind "analyzer") is loaded by Pulumi's policy module; anything else is run as a folder. The
    option `virtualenv`, relative to the plugin's folder, names the environment: packs need other versions of
    shared libraries than programs do.
    """
    home = request.info.program_directory
    environment = dict(request.info.options).get("virtualenv")
    python = str(Path(home) / str(environment) / "bin" / "python") if environment else sys.executable
    if request.kind == "analyzer":
        return [python, "-u", "-m", "pulumi.policy", *request.args, home]
    return [python, "-u", home, *request.args]


def run(
    request: language_pb2.RunPluginRequest,
    lifeline: Lifeline,
    when_cancelled: Callable[[Callable[[], None]], object],
) -> Iterator[language_pb2.RunPluginResponse]:
    """Run the plugin; yield what it prints, as it comes, and its exit code last.

    `when_cancelled` takes a function to be called when the engine gives up; it kills the plugin.
    """
    try:
        child = subprocess.Popen(
            command(request),
            cwd=request.pwd or request.info.program_directory,
            env=dict(setting.split("=", 1) for setting in request.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        yield language_pb2.RunPluginResponse(stderr=f"{error}; is `virtualenv` right?\n".encode())
        yield language_pb2.RunPluginResponse(exitcode=1)
        return
    lifeline.adopt(child)
    when_cancelled(child.kill)
    yield from _output(child)
    yield language_pb2.RunPluginResponse(exitcode=child.wait())
    lifeline.release(child)


def _output(child: subprocess.Popen[bytes]) -> Iterator[language_pb2.RunPluginResponse]:
    """Yield both streams of the child, mixed as they come, until both have ended."""
    answers: queue.Queue[language_pb2.RunPluginResponse | None] = queue.Queue()

    def pump(stream: IO[bytes], answer: Callable[[bytes], language_pb2.RunPluginResponse]) -> None:
        while chunk := os.read(stream.fileno(), _CHUNK_BYTES):
            answers.put(answer(chunk))
        answers.put(None)

    streams = [
        (child.stdout, lambda chunk: language_pb2.RunPluginResponse(stdout=chunk)),
        (child.stderr, lambda chunk: language_pb2.RunPluginResponse(stderr=chunk)),
    ]
    for stream, answer in streams:
        threading.Thread(target=pump, args=(stream, answer), daemon=True).start()
    for _ in streams:
        yield from iter(answers.get, None)
