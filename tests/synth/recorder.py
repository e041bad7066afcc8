"""A stand-in for Pulumi's engine that keeps every registration as the program sent it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc

from infra.policy.record import Declared


@dataclass(frozen=True)
class Registration:
    """One resource as the engine would see it."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    provider: str
    protected: bool
    retained: bool
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


class _Accept(mocks.Mocks):
    """Every resource comes out as it went in; nothing may be looked up outside."""

    def call(self, args: mocks.MockCallArgs) -> Any:
        raise AssertionError(f"the program asks the outside world: {args.token}")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return f"{args.name}-id", args.inputs


class _Monitor(mocks.MockMonitor):
    """Mocks see types, names and inputs only; protection and providers stand in the request itself."""

    def __init__(self) -> None:
        super().__init__(_Accept())
        self.registrations: list[Registration] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name of the engine's call
        if request.type != "pulumi:pulumi:Stack":
            self.registrations.append(
                Registration(
                    type=request.type,
                    name=request.name,
                    inputs=rpc.deserialize_properties(request.object),
                    provider=request.provider or ",".join(request.providers.values()),
                    protected=request.protect,
                    retained=request.retainOnDelete,
                    custom=request.custom,
                    create_within=request.customTimeouts.create,
                    after=tuple(urn.rpartition("::")[2] for urn in request.dependencies),
                )
            )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


def record(stack: str, program: Callable[[], None], *, preview: bool = False) -> tuple[Registration, ...]:
    """Run a program to its end and return all that it registered; what it raises is passed on."""
    monitor = _Monitor()
    mocks.set_mocks(_Accept(), project="province", stack=stack, preview=preview, monitor=monitor)
    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]
    return tuple(monitor.registrations)
