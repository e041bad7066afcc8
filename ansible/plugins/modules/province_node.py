#!/usr/bin/python
"""Bring a host to the state that its manifest describes, in one transaction."""

from __future__ import annotations

import base64
import json
import zlib

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.province_node.node import Node, Trouble
from ansible.module_utils.province_node.transaction import compare, converge

DOCUMENTATION = """
module: province_node
short_description: Bring a host to its declared state in one transaction
description:
  - The action plugin of the same name builds the host's manifest on the controller and sends it here.
  - Compares first. If anything differs, installs packages, makes accounts, stages and checks files, switches them,
    sets kernel settings, restarts or reloads the units whose files changed, and runs the health commands.
  - If a program refuses its file, no file is switched.
options:
  capability:
    description: Apply this one capability only, by name; without it, all capabilities of the host.
    type: str
  reason:
    description: Why this is done; the host writes it down.
    type: str
    default: ""
author: [The authors of this repository]
attributes:
  check_mode: {support: full, description: Says exactly what would change.}
  diff_mode: {support: full, description: Shows each file before and after, secrets left out.}
"""

EXAMPLES = """
- name: Bring every host to its declared state
  province_node:

- name: Apply the capability time
  province_node:
    capability: time
"""

RETURN = """
changes:
  description: Every change in a few words, in the order in which it was made.
  returned: always
  type: list
  elements: str
"""


def main() -> None:
    """Unpack what the controller sent, act, and report."""
    module = AnsibleModule(
        argument_spec={
            "manifest": {"type": "str", "required": True, "no_log": True},
            "note": {"type": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    manifest = json.loads(zlib.decompress(base64.b64decode(module.params["manifest"])))
    node = Node()
    try:
        if module.check_mode:
            plan = compare(node, manifest)
        else:
            with node.alone():
                plan = converge(node, manifest, module.params["note"])
    except Trouble as trouble:
        module.fail_json(msg=str(trouble))
    result: dict[str, object] = {"changed": bool(plan.what), "changes": plan.what}
    if module._diff:
        result["diff"] = plan.diff()
    module.exit_json(**result)


if __name__ == "__main__":
    main()
