"""The units that look after an unfinished transaction when the host boots: one before anything reads its files.

Putting back must come early. Watching must not: systemd starts no timer before `sysinit.target`, and whoever asks
for one earlier waits for ever.
"""

from __future__ import annotations

from .node import Node, replace_durably, sync_folder
from .store import JOURNAL

CODE = "/usr/local/lib/province-node/current"
"""Where this code lies on the node: a link to the folder that its digest names."""
PROGRAM = ("/usr/bin/python3", "-IS", CODE)
RECOVER = f"""\
# Made by province: a transaction that a power cut has interrupted is put back before anything reads its files.
[Unit]
Description=Put back what an interrupted province transaction has left half done
DefaultDependencies=no
RequiresMountsFor=/var/lib/province /usr/local/lib/province-node /etc
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
"""
WATCH = f"""\
# Made by province: a change that still waits for its confirmation after a reboot gets its full time anew.
[Unit]
Description=Put back an unconfirmed province transaction when its time is up
ConditionPathExists={JOURNAL}

[Service]
Type=oneshot
ExecStart={" ".join(PROGRAM)} watch
"""
FOLDER = "/etc/systemd/system"
UNITS = {
    f"{FOLDER}/province-recover.service": ("sysinit.target", RECOVER),
    f"{FOLDER}/province-watch.service": ("multi-user.target", WATCH),
}
"""Path → the target that wants it, and its text."""


def install(node: Node) -> None:
    """Put the units in their place, before the first transaction needs them; a few looks once they are there."""
    for path, (target, text) in UNITS.items():
        if node.read(path) != text:
            node.step(f"write {path}")
            replace_durably(node.path(path), text.encode(), 0o644)
        name = path.rpartition("/")[2]
        link = node.path(f"{FOLDER}/{target}.wants/{name}")
        if not link.is_symlink():
            node.step(f"enable {name}")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
            sync_folder(link.parent)
