"""A stand-in for Pulumi's engine that keeps every registration as the program sent it.

No cluster, no plugin and no network is needed: what a program declares follows from the model alone. A program that
asks the outside world for anything fails here, because nobody could say beforehand what it will declare.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2

from infra.policy.record import Declared

PROJECT = "province"


@dataclass(frozen=True)
class Registration:
    """One resource as the engine would see it."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    provider: str
    protected: bool | None
    retained: bool | None
    """Whether it is protected, and left in the cluster when it is no longer declared; None: as its parent is."""
    custom: bool
    create_within: str
    after: tuple[str, ...]
    """The names of the resources that must be there first."""

    @property
    def is_object(self) -> bool:
        """Whether it is a Kubernetes object, and not a component or a provider."""
        return self.custom and self.type.startswith("kubernetes:")

    @property
    def declared(self) -> Declared:
        """The object as policy rules see it."""
        return Declared(self.inputs)


class _Closed(mocks.Mocks):
    """The outside world, which answers nothing."""

    def call(self, args: mocks.MockCallArgs) -> Any:
        raise AssertionError(f"the program asks the outside world: {args.token}")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        raise AssertionError(f"the program reads what others made: {args.typ} {args.name}")


class _Monitor(mocks.MockMonitor):
    """Every resource comes out as it went in. Protection, providers and order stand in the request itself."""

    def __init__(self) -> None:
        super().__init__(_Closed())
        self.requests: list[Any] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name of the engine's call
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type != "pulumi:pulumi:Stack":
            self.requests.append(request)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=f"{request.name}-id", object=request.object)


def requests(stack: str, program: Callable[[], None], *, preview: bool = False) -> list[Any]:
    """Run a program to its end and return the engine's calls that it made; what it raises is passed on."""
    monitor = _Monitor()
    try:
        asyncio.get_event_loop_policy().get_event_loop()
    except RuntimeError:  # somebody's asyncio.run() took the thread's loop along, and the stand-in expects one
        asyncio.set_event_loop(asyncio.new_event_loop())
    mocks.set_mocks(_Closed(), project=PROJECT, stack=stack, preview=preview, monitor=monitor)
    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]
    return monitor.requests


def record(stack: str, program: Callable[[], None], *, preview: bool = False) -> tuple[Registration, ...]:
    """Run a program to its end and return all that it registered; what it raises is passed on."""
    return tuple(registration(request) for request in requests(stack, program, preview=preview))


def registration(request: Any) -> Registration:
    """One of the engine's calls as the resource that it registers."""
    return Registration(
        type=request.type,
        name=request.name,
        inputs=rpc.deserialize_properties(request.object),
        provider=request.provider or ",".join(request.providers.values()),
        protected=request.protect if request.HasField("protect") else None,
        retained=request.retainOnDelete if request.HasField("retainOnDelete") else None,
        custom=request.custom,
        create_within=request.customTimeouts.create,
        after=tuple(urn.rpartition("::")[2] for urn in request.dependencies),
    )
