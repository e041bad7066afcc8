"""Whose signatures count in an environment: the authorities of its operators, and those that rotations retired."""

from __future__ import annotations

from province.fleet.fleet import Fleet
from province.manifest.rotations import Kind, load_rotations, retired
from province.manifest.trust import load_trust, trust_folder
from province.pki.anchors import parts
from province.verify.signature import Authority


def operators_of(fleet: Fleet) -> Authority:
    """Those that sign now, and those before them for what was signed in their time."""
    keys = load_trust(fleet).ssh_user_ca
    return Authority(keys, retired(load_rotations(trust_folder(fleet)), Kind.USER_CA, parts(keys)))
