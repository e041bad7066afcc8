"""The unit that, early in every boot after a power cut, puts an unfinished transaction back or watches over it."""

from __future__ import annotations

from .node import Node, replace_durably, sync_folder
from .store import JOURNAL

CODE = "/usr/local/lib/province/current"
"""Where this code lies on the node: a link to the folder that its digest names."""
PROGRAM = ("/usr/bin/python3", "-IS", CODE)
UNIT = "/etc/systemd/system/province-recover.service"
ENABLED = "/etc/systemd/system/sysinit.target.wants/province-recover.service"
TEXT = f"""\
# Made by province: a transaction that a power cut has interrupted is put back before anything reads its files.
[Unit]
Description=Put back what an interrupted province transaction has left half done
DefaultDependencies=no
RequiresMountsFor=/var/lib/province /usr/local/lib/province /etc
After=systemd-remount-fs.service
Before=systemd-sysctl.service network-pre.target systemd-networkd.service nftables.service
Before=sysinit.target shutdown.target
Conflicts=shutdown.target
ConditionPathExists={JOURNAL}

[Service]
Type=oneshot
# Whatever happens, the host boots: what is left is then for the next run.
TimeoutStartSec=120
ExecStart={" ".join(PROGRAM)} recover

[Install]
WantedBy=sysinit.target
"""
OURS = (UNIT,)


def install(node: Node) -> None:
    """Put the unit in its place, before the first transaction needs it; costs two looks once it is there."""
    if node.read(UNIT) != TEXT:
        node.step("boot unit")
        replace_durably(node.path(UNIT), TEXT.encode(), 0o644)
    link = node.path(ENABLED)
    if not link.is_symlink():
        node.step("boot unit enabled")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(UNIT)
        sync_folder(link.parent)
