"""An environment: the same province on other hardware, in another size, with addresses of its own.

The lab and production differ by this overlay only; no role, component or program asks which one it is in.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeInt

from province.fleet.commune import CommuneCode
from province.fleet.fact import DeviceName, Fact, NonBlank, Slug
from province.fleet.province import AddressPlan, DomainName
from province.fleet.site import HostRole


class Platform(Fact):
    """What the machine under a host can do; roles decide by these properties, never by an environment's name."""

    id: Slug
    sets_clock: bool
    """Whether the host has a clock of its own to set; a container shares its machine's."""
    zone_devices: Literal["vlan", "own"]
    """Whether a zone arrives as a VLAN of one port or on a device of its own."""
    cgroup_driver: Literal["systemd", "cgroupfs"]
    cgroup_v1: bool
    shared_sysctls: tuple[NonBlank, ...] = ()
    """Kernel settings (prefixes) that the host does not own; they are rendered, but the machine decides."""
    tunnels: Literal["kernel", "wireguard-go"]
    """What carries WireGuard: the kernel's module, or a program where the kernel has none."""
    routing_domains: Literal["vrf", "rules"]
    """How a gateway keeps routing domains apart: a VRF device for each, or rules by device where there are none."""
    fair_queue: bool
    """Whether the kernel has fq_codel; else classes wait in plain queues."""
    kernel_audit: bool
    """Whether the host has the kernel's audit subsystem for itself."""


class SiteOverlay(Fact):
    """What an environment sets differently at one site."""

    hosts: dict[HostRole, NonNegativeInt] = Field(default_factory=dict)
    network_engine: Slug | None = None


class Environment(Fact):
    """The overlay of one environment, `inventories/<id>/environment.yml`."""

    plugin: Literal["province"]
    """Marks the file as an inventory source for Ansible."""
    id: Slug
    platform: Platform
    packages_from: Literal["services", "router"]
    """Who serves packages: the site's services hosts with the duty `mirror`, or the network's router."""
    certificates_from: Literal["controller", "offline"]
    """Where the service authority's key lies: with the controller, or where only its keeper can sign."""
    communes: tuple[CommuneCode, ...] | Literal["all"] = "all"
    edge_paths: tuple[DeviceName, ...] | Literal["all"] = "all"
    """The paths that exist here; a lab on one machine has not the memory for all of them at once."""
    fast_communes: tuple[CommuneCode, ...] | Literal["all"] = "all"
    """Whose nodes watch their paths by the fast timers; the others take the calm ones."""
    sites: dict[Slug, SiteOverlay] = Field(default_factory=dict)
    domain: DomainName | None = None
    administrators: tuple[Administrator, ...] = Field(min_length=1)
    address_overlay: NonBlank | None = None
    """Name of an uncommitted file beside this one that replaces the documentation addresses."""
    requires_verified: bool
    """Whether unverified facts that a system depends on stop this environment."""


class Administrator(Fact):
    """A person (or the lab's operator) who may log in under an own name; keys are certificates of our CA."""

    name: Slug
    comment: NonBlank
    uid: int = Field(ge=2000, le=2999)


class AddressOverlay(Fact):
    """The real address plan, which is never committed."""

    addressing: AddressPlan


Environment.model_rebuild()
