"""The protocol: pulumirpc.LanguageRuntime, served on a port of the loopback interface."""

# Names and parameters of the methods are the protocol's.
# ruff: noqa: N802, ARG002

from __future__ import annotations

import queue
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc  # type: ignore[import-untyped]
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from province.toolchain.pulumi_host import packages, plugin, program
from province.toolchain.pulumi_host.lifeline import Lifeline

# What the engine itself allows for one message.
_LARGEST_MESSAGE_BYTES = 400 * 1024 * 1024

Job = tuple[language_pb2.RunRequest, "Future[language_pb2.RunResponse]"]


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    """Answers the engine. Calls that are not here answer "unimplemented", which the engine understands.

    Programs are handed to `jobs`, so that the main thread runs them: signal handlers and event loops behave
    there as under plain `python`.
    """

    def __init__(self, lifeline: Lifeline, jobs: queue.Queue[Job]) -> None:
        self._lifeline = lifeline
        self._jobs = jobs

    def Handshake(self, request: Any, context: Any) -> language_pb2.LanguageHandshakeResponse:
        """Greet the engine; nothing needs to be agreed."""
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        """Say which version this host is."""
        return plugin_pb2.PluginInfo(version=packages.sdk_version())

    def About(self, request: Any, context: Any) -> language_pb2.AboutResponse:
        """Say which Python runs the programs."""
        return language_pb2.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

    def GetProgramDependencies(
        self,
        request: Any,
        context: Any,
    ) -> language_pb2.GetProgramDependenciesResponse:
        """List the Python packages of the program's environment."""
        return language_pb2.GetProgramDependenciesResponse(dependencies=packages.installed())

    def GetRequiredPackages(
        self,
        request: Any,
        context: Any,
    ) -> language_pb2.GetRequiredPackagesResponse:
        """List the provider plugins that the program may need."""
        return language_pb2.GetRequiredPackagesResponse(packages=packages.providers())

    def InstallDependencies(
        self,
        request: Any,
        context: Any,
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        """Install nothing, and say so: the environment is made from the lock file, by `make setup`."""
        text = f"The packages are those of {sys.prefix}; `make setup` installs them.\n"
        yield language_pb2.InstallDependenciesResponse(stdout=text.encode())

    def Run(self, request: language_pb2.RunRequest, context: Any) -> language_pb2.RunResponse:
        """Run a program and wait for its end."""
        answer: Future[language_pb2.RunResponse] = Future()
        self._jobs.put((request, answer))
        return answer.result()

    def RunPlugin(
        self, request: language_pb2.RunPluginRequest, context: Any
    ) -> Iterator[language_pb2.RunPluginResponse]:
        """Run a policy pack or another plugin."""
        return plugin.run(request, self._lifeline, context.add_callback)


def serve(engine: str, lifeline: Lifeline) -> None:
    """Listen, print the port for the engine, and run programs in this thread until the process ends."""
    jobs: queue.Queue[Job] = queue.Queue()
    server = grpc.server(ThreadPoolExecutor(), options=[("grpc.max_receive_message_length", _LARGEST_MESSAGE_BYTES)])
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Host(lifeline, jobs), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    while True:
        request, answer = jobs.get()
        answer.set_result(program.run(request, engine))
