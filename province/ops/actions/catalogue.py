"""All verbs, and how a run's first line becomes an action again."""

from __future__ import annotations

from collections.abc import Mapping

from province.errors import ExitCode, ProvinceError
from province.ops.actions.action import Action
from province.ops.actions.collect_evidence import CollectEvidence
from province.ops.actions.decommission import Decommission
from province.ops.actions.drain_node import DrainNode, UndrainNode
from province.ops.actions.drill_etcd import DrillEtcd
from province.ops.actions.fence_site import FenceSite, UnfenceSite
from province.ops.actions.freeze_change import FreezeChange, UnfreezeChange
from province.ops.actions.reboot_hosts import RebootHosts
from province.ops.actions.replace_node import ReplaceNode
from province.ops.actions.restart_service import RestartService
from province.ops.actions.revoke_node import RevokeNode
from province.ops.actions.rotate import Rotate
from province.ops.actions.rotate_tunnels import RotateTunnels
from province.ops.actions.update_hosts import UpdateHosts

ACTIONS: dict[str, type[Action]] = {
    one.verb: one
    for one in (
        RestartService,
        UpdateHosts,
        RebootHosts,
        DrainNode,
        UndrainNode,
        RevokeNode,
        ReplaceNode,
        Decommission,
        Rotate,
        RotateTunnels,
        FenceSite,
        UnfenceSite,
        FreezeChange,
        UnfreezeChange,
        DrillEtcd,
        CollectEvidence,
    )
}


def action_of(verb: str, arguments: Mapping[str, str]) -> Action:
    """The action of a verb; ProvinceError for a run of another version of this program."""
    if verb not in ACTIONS:
        raise ProvinceError(
            f"this version knows no verb {verb!r}",
            hint=f"it knows {', '.join(ACTIONS)}; check out the commit that the run names",
            exit_code=ExitCode.BAD_DATA,
        )
    return ACTIONS[verb](arguments)
