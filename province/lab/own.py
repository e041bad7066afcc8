"""Packages that are no Debian's: the pinned programs of a cluster and this week's signatures."""

from __future__ import annotations

from province.lab import signatures

OWN_PROGRAMS = ("kubelet", "kubeadm", "kubectl", "etcdctl", "etcdutl")
"""Programs from pins that hosts install as packages, as they would from a vendor's archive."""
OWN_PACKAGES = (*OWN_PROGRAMS, *(one.package for one in signatures.ALL))
