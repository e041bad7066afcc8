"""Taking one layer out of a cluster, and leaving everything that cannot be made again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from province.errors import ExitCode, ProvinceError
from province.fleet.layer import LAYERS, rests_on
from province.ops import last_up, stack_files, stacks
from province.ops.data_centre import DataCentre
from province.ops.step import Step


def preview_down(centre: DataCentre, layer: str) -> Step:
    """What `down` would take out of a layer, and what it would leave because it is protected.

    Raises ProvinceError while layers stand that rest on this one, and BadData when the stack's own file is malformed.
    """
    name = centre.stack(layer)
    stack_files.check(centre.work.checkout, [name])
    known = stacks.listed(centre.work)
    if name not in known:
        raise ProvinceError(f"stack {name}: nothing of it stands", exit_code=ExitCode.NOTHING_SELECTED)
    above = [centre.stack(one) for one in LAYERS if layer in rests_on(one)]
    refuse_while_others_rest_on_it(
        name, {one: stacks.exported(centre.work, one) for one in above if one in known and known[one].resources}
    )
    run = stacks.destroy(centre.work, name, centre.descriptor, "", dry_run=True)
    kept = [_shown(one) for one in stacks.exported(centre.work, name) if _is_object(one) and one.get("protect")]
    details = tuple(f"stays, protected: {one}" for one in sorted(kept))
    return Step(name, run.line, run.changed, run.seconds, details)


def down(centre: DataCentre, layer: str, reason: str) -> Step:
    """Take a layer out of the site's cluster; call `preview_down` before."""
    name = centre.stack(layer)
    last_up.drop(centre.work, name)
    run = stacks.destroy(centre.work, name, centre.descriptor, reason, dry_run=False)
    return Step(name, run.line, run.changed, run.seconds)


def refuse_while_others_rest_on_it(stack: str, above: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """Raise ProvinceError while any stack above holds an object that could be taken out first."""
    standing = [name for name, resources in above.items() if any(map(_can_go, resources))]
    if standing:
        raise ProvinceError(
            f"stack {stack} carries others: {', '.join(standing)}",
            hint="nothing was changed; take those down first, or change what is declared instead",
        )


def _can_go(resource: Mapping[str, Any]) -> bool:
    return _is_object(resource) and not resource.get("protect")


def _is_object(resource: Mapping[str, Any]) -> bool:
    """Whether it is something in the cluster, and not a component, a provider or the stack itself."""
    return str(resource["type"]).startswith("kubernetes:")


def _shown(resource: Mapping[str, Any]) -> str:
    return str(resource["urn"]).rpartition("::")[2]
