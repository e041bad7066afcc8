#!/usr/bin/python
"""Bring a host to the state that its manifest describes, in one transaction."""

from __future__ import annotations

DOCUMENTATION = """
module: province_node
short_description: Bring a host to its declared state in one transaction
description:
  - The action plugin of the same name builds the host's manifest on the controller and talks to the code that the
    node keeps (C(module_utils/province_node)); this file only documents it.
  - Compares first. If anything differs, installs packages, makes accounts and keys, stages and checks files, switches
    them, sets kernel settings, restarts or reloads the units whose files changed, and runs the health commands.
  - If a program refuses its file, no file is switched. If a unit or a health command fails, everything is put back.
  - What a guarded capability changes is put back too, unless it is confirmed over a new connection in time.
  - What the manifest no longer names, and was put there by it, goes away.
options:
  capability:
    description: Apply these capabilities only, by name, in one transaction; without it, all of the host.
    type: list
    elements: str
    default: []
  tagged:
    description: Apply the capabilities that C(--tags) names only; without tags, or with the tag C(baseline), all.
    type: bool
    default: false
  reason:
    description: Why this is done; the host writes it down.
    type: str
    default: ""
  confirm_seconds:
    description:
      - How long the host waits for the confirmation of guarded changes before it puts them back.
      - The variable of the same name is the default.
    type: int
    default: 300
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

- name: Apply two capabilities in one transaction
  province_node:
    capability: [time, dns]
"""

RETURN = """
changes:
  description: Every change in a few words, in the order in which it was made.
  returned: always
  type: list
  elements: str
foreign:
  description: Files that nobody declared in folders where every file takes effect; they are left alone.
  returned: always
  type: list
  elements: str
"""
