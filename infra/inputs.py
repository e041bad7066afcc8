"""What a stack's program would tell Pulumi today, as one figure: while it stays the same, `up` has nothing to do.

    python -m infra.inputs lab rach-gia      # {"lab.rach-gia.cluster": {"digest": "3f…", "resources": 31, …}, …}

The figure is made from everything that the program registers, options included, and not from the files that it might
have read: so it is sound whatever the program reads, and a fact that a stack does not use leaves its figure alone.
Beside it stand the rules that the stack breaks (infra/policy), because all that they judge is known here.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import partial
from importlib.metadata import version
from typing import Any

from infra.cluster import Cluster
from infra.cluster_access import Identity, identify, provider
from infra.policy.ground import ground_of
from infra.policy.rules import violations
from infra.programs import PROGRAMS
from infra.recorder import registration, requests
from infra.stack import StackName
from province.errors import ProvinceError
from province.fleet.documents import read_yaml
from province.fleet.fleet import Fleet
from province.fleet.layer import LAYERS
from province.fleet.load import load_fleet
from province.fleet.site import Site
from province.toolchain import pins

PROGRAMS_BEHIND = ("pulumi", "pulumi-resource-kubernetes")
LIBRARIES_BEHIND = ("pulumi", "pulumi-kubernetes")
"""Pinned programs, and libraries, that stand between what is registered and the API server."""


WHERE_IN_THE_SOURCE = ("sourcePosition", "stackTrace", "parentStackTraceHandle")
"""Parts of a registration that change when a line of a program moves, and that Pulumi only shows."""


def inputs(fleet: Fleet, site: Site, identity: Identity, today: date) -> dict[str, dict[str, Any]]:
    """For every stack of a site: the `digest` of its inputs, how many `resources` it declares, what is `broken`."""
    ground = ground_of(fleet)
    found: dict[str, dict[str, Any]] = {}
    for layer in LAYERS:
        stack = StackName(fleet.environment.id, site.id, layer)
        registered = requests(str(stack), partial(_declare, fleet, site, layer, identity))
        digest = digest_of(registered, [*surroundings(), configuration(fleet, stack)])
        objects = [one.declared for one in map(registration, registered) if one.is_object]
        broken = [str(one) for one in violations(objects, ground, today)]
        found[str(stack)] = {"digest": digest, "resources": len(registered), "broken": broken}
    return found


def _declare(fleet: Fleet, site: Site, layer: str, identity: Identity) -> None:
    """Run a layer's program with the provider that a real run has."""
    PROGRAMS[layer](fleet, Cluster(site, provider(site, identity.kubeconfig, identity.kube_system_uid)))


def digest_of(registered: Iterable[Any], surroundings: Iterable[str]) -> str:
    """SHA-256 over all registrations, in whatever order they came, and over what else decides."""
    parts = sorted(_canonical(request) for request in registered)
    whole = hashlib.sha256()
    for part in (*parts, *(text.encode() for text in surroundings)):
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()


def _canonical(request: Any) -> bytes:
    """One registration as bytes that are the same in every run: sets have no order, and places in files no meaning."""
    copy = type(request)()
    copy.CopyFrom(request)
    for field in WHERE_IN_THE_SOURCE:
        copy.ClearField(field)
    copy.dependencies.sort()
    for dependencies in copy.propertyDependencies.values():
        dependencies.urns.sort()
    found: bytes = copy.SerializeToString(deterministic=True)
    return found


def surroundings() -> list[str]:
    """The versions of everything between a registration and the API server."""
    artefacts = [pins.load().artefact(name) for name in PROGRAMS_BEHIND]
    programs = [f"{one.name} {one.version} {sorted(one.sha256.items())}" for one in artefacts]
    return [*programs, *(f"{name} {version(name)}" for name in LIBRARIES_BEHIND)]


def configuration(fleet: Fleet, stack: StackName) -> str:
    """What the stack's own file sets, as JSON; the salt of its secrets is no input."""
    path = fleet.root.parent / "infra" / "stacks" / f"Pulumi.{stack}.yaml"
    body = read_yaml(path, f"infra/stacks/{path.name}") if path.is_file() else None
    return json.dumps(body.get("config") if isinstance(body, dict) else None, sort_keys=True)


def main() -> None:
    """Print the figures of a site's stacks as JSON, once the cluster is certainly the site's (`identify`).

    An expected error is one message on standard error and its own exit code.
    """
    try:
        environment, name = sys.argv[1:]
        fleet = load_fleet(environment)
        site = fleet.sites[name]
        identity = identify(fleet, site, dry_run=True, warn=lambda text: print(text, file=sys.stderr))
        print(json.dumps(inputs(fleet, site, identity, datetime.now(UTC).date()), indent=2, ensure_ascii=False))
    except ProvinceError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(int(error.exit_code))


if __name__ == "__main__":
    main()
