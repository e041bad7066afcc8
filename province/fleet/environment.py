"""An environment: the same province on other hardware, in another size, with addresses of its own.

The lab and production differ by this overlay only; no role, component or program asks which one it is in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, StringConstraints, model_validator

from province.fleet.commune import CommuneCode
from province.fleet.fact import DeviceName, DomainName, Fact, NonBlank, Slug
from province.fleet.old_sides import (
    OldBucket,
    OldDatabase,
    OldFolder,
    OldMailboxes,
    OldName,
    OldQueue,
    OldService,
    OldStandby,
    Watcher,
)
from province.fleet.province import AddressPlan, ZoneName
from province.fleet.site import Duty, HostRole, NetworkEngine, RunStore, Site
from province.fleet.system import Component


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
    apparmor: bool
    """Whether the kernel under the host confines its programs by AppArmor."""
    boots_itself: bool
    """Whether the host has a boot loader and a kernel of its own."""
    reserved: Reserved
    """What of a cluster node the host keeps for itself."""
    integrity_scan: NonBlank
    """When every system file is compared with its checksum: a calendar event of systemd.time(7)."""
    malware_scan: NonBlank
    """When files are searched for malware, in the same form."""
    intrusion_rules: NonBlank
    """When gateways fetch newer rules of intrusion detection, in the same form."""
    signatures_days: PositiveInt
    """So many whole days old may be what malware and attacks are known by."""
    base_packages: tuple[NonBlank, ...] = ()
    """What such a machine needs beside Debian's standard set and what the roles declare: kernel, boot loader."""


class DatabaseSize(Fact):
    """What a database gets that says nothing of itself: servers, and for each of them time, memory and disk."""

    instances: PositiveInt
    cpu_millicores: PositiveInt
    memory_mib: PositiveInt
    storage_gib: PositiveInt

    def of(self, component: Component) -> DatabaseSize:
        """The size of one database: what it says of itself, and for the rest what is usual."""
        return DatabaseSize(
            instances=component.replicas or self.instances,
            cpu_millicores=component.cpu_millicores or self.cpu_millicores,
            memory_mib=component.memory_mib or self.memory_mib,
            storage_gib=component.storage_gib or self.storage_gib,
        )


class SiteOverlay(Fact):
    """What an environment sets differently at one site."""

    hosts: dict[HostRole, NonNegativeInt] = Field(default_factory=dict)
    spare_hosts: dict[HostRole, NonNegativeInt] = Field(default_factory=dict)
    """What replaces `hosts` when the environment is asked to survive the loss of hosts (PROVINCE_SPARE)."""
    duties: dict[HostRole, tuple[Duty, ...]] = Field(default_factory=dict)
    """What hosts of a role do here beside their own duties, where those who should are too few."""
    network_engine: NetworkEngine | None = None
    run_store: RunStore | None = None
    """The store that shards of a roll-out share there; a site of another environment has its own, or none."""


class ShardSize(Fact):
    """What the pod of a shard keeps free of its node, where nodes cannot spare all that it may use at a time."""

    cpu_millicores: PositiveInt
    memory_mib: PositiveInt


CLUSTER: Final = "cluster"
AutomationPlace = Literal["bastion", "router", "cluster"]
"""The sites' bastions, the network's router, behind which a desk stands, or the nodes of a cluster on which shards of
roll-outs run, where its site has a store for them: a pod comes with its node's address (docs/adr/0040)."""


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
    forward_zones: tuple[ForwardZone, ...] = ()
    """Whom the provincial resolvers ask for what is not the province's; without `.` they know nothing else."""
    time_from: tuple[Slug, ...] | Literal["machine"] = ()
    """Whom the time servers follow beside each other: endpoints with protocol `ntp`. `machine`: nobody, because the
    clock of the machine under them is right already, and they hand it on."""
    communes: tuple[CommuneCode, ...] | Literal["all"] = "all"
    edge_paths: tuple[DeviceName, ...] | Literal["all"] = "all"
    """The paths that exist here; a lab on one machine has not the memory for all of them at once."""
    fast_communes: tuple[CommuneCode, ...] | Literal["all"] = "all"
    """Whose nodes watch their paths by the fast timers; the others take the calm ones."""
    sites: dict[Slug, SiteOverlay] = Field(default_factory=dict)
    host_sizes: Literal["declared", "shared"]
    """Whether each host has the processors and memory that its site declares, or all of them share one machine's."""
    databases: DatabaseSize
    """The size of databases of which the systems say nothing else."""
    shard_keeps: ShardSize | None = None
    """Without it a shard of a roll-out keeps free what it may use (`platform/fleet-runner.yml`)."""
    domain: DomainName | None = None
    automation: Account
    """Whom Ansible acts as: a certificate and no password; sudo asks it nothing."""
    automation_from: Annotated[tuple[AutomationPlace, ...], Field(min_length=1)]
    """Where automation may come from; hosts answer it from nowhere else."""
    identity_provider: IdentityProvider | None = None
    """Who vouches for people towards the clusters; without one, only certificates open them."""
    administrators: tuple[Account, ...] = ()
    """People, each under an own name; they enter through the bastion, with a second factor."""
    break_glass: Account
    """For the day on which nothing else opens: a sealed password, and an alarm at every use."""
    address_overlay: NonBlank | None = None
    """Name of an uncommitted file beside this one that replaces the documentation addresses."""
    keeps_calendar: bool = True
    """Whether windows and freezes hold; not where nobody but us depends on the hosts."""
    requires_verified: bool
    """Whether unverified facts that a system depends on stop this environment."""
    old_databases: dict[Slug, OldDatabase] = Field(default_factory=dict)
    """By move (`migration/moves.yml`); a move that is in none of these cannot be carried out."""
    old_folders: dict[Slug, OldFolder] = Field(default_factory=dict)
    old_standbys: dict[Slug, OldStandby] = Field(default_factory=dict)
    old_mailboxes: dict[Slug, OldMailboxes] = Field(default_factory=dict)
    old_buckets: dict[Slug, OldBucket] = Field(default_factory=dict)
    old_queues: dict[Slug, OldQueue] = Field(default_factory=dict)
    old_services: dict[Slug, OldService] = Field(default_factory=dict)
    old_names: dict[Slug, tuple[OldName, ...]] = Field(default_factory=dict)
    """By move: names that are switched with it; a move without one is reached by no name of ours."""
    watchers: tuple[Watcher, ...] = ()
    """Who is asked, after a cut-over, what brings a move back (`trigger.asks`)."""

    @property
    def accounts(self) -> tuple[Account, ...]:
        """Everybody who can log in to a host."""
        return (self.automation, *self.administrators, self.break_glass)

    @model_validator(mode="after")
    def _somebody_keeps_the_clock(self) -> Self:
        if self.time_from == "machine" and self.platform.sets_clock:
            raise ValueError(
                "time_from: a host that sets its clock itself has no machine's; name endpoints with protocol ntp"
            )
        return self

    @model_validator(mode="after")
    def _accounts_differ(self) -> Self:
        for what, values in (
            ("name", [one.name for one in self.accounts]),
            ("uid", [str(one.uid) for one in self.accounts]),
        ):
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"two accounts have the same {what}: {', '.join(twice)}")
        return self


class ForwardZone(Fact):
    """Names that somebody else answers for: the zone, and who is asked.

    `to` is an endpoint with protocol `dns`, or `router` for the network's router at the primary site. Nobody is asked
    as long as the endpoint has no address.
    """

    zone: ZoneName
    to: Literal["router"] | Slug


class Reserved(Fact):
    """Processor time (thousandths of one) and memory (MiB) that pods never get."""

    cpu_millis: NonNegativeInt
    memory_mib: NonNegativeInt


class IdentityProvider(Fact):
    """An OpenID Connect provider: its issuer as the tokens name it, for whom they must be, and what they say.

    `user` and `groups` are the claims that hold the name and the groups; in the clusters both carry `prefix` in front,
    so that nobody can be called like one of Kubernetes' own accounts.
    """

    issuer: Annotated[str, StringConstraints(pattern=r"^https://[^\s/?#]+(/[^\s?#]*)?$")]
    audience: NonBlank
    user: NonBlank
    groups: NonBlank
    prefix: NonBlank


class Account(Fact):
    """A local account of every host: who it is for, under a number that no package uses."""

    name: Slug
    comment: NonBlank
    uid: int = Field(ge=2000, le=2999)


class AddressOverlay(Fact):
    """The real address plan, which is never committed."""

    addressing: AddressPlan


Environment.model_rebuild()


def overlaid_sites(sites: Mapping[str, Site], overlay: Environment, *, spare: bool) -> dict[str, Site]:
    """The sites with the hosts, duties, network engine and store for runs that the environment gives them, by id."""
    found = dict(sites)
    for name, change in overlay.sites.items():
        if name not in found:
            continue
        site = found[name]
        counts = {**change.hosts, **(change.spare_hosts if spare else {})}
        hosts = {
            role: group.model_copy(
                update={
                    "count": counts.get(role, group.count),
                    "duties": tuple(dict.fromkeys((*group.duties, *change.duties.get(role, ())))),
                }
            )
            for role, group in site.hosts.items()
        }
        cluster = site.cluster
        changed = {name: getattr(change, name) for name in ("network_engine", "run_store") if getattr(change, name)}
        if cluster and changed:
            cluster = cluster.model_copy(update=changed)
        found[name] = site.model_copy(update={"hosts": hosts, "cluster": cluster})
    return found
