"""Bring what hosts know of themselves here, before somebody changes it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from province.bundle.sums import SUMS, checksum, faults, write_sums
from province.fleet.hosts import Host
from province.ops.actions.action import Action, Scene
from province.ops.actions.remote import must

ASKED: dict[str, tuple[str, ...]] = {
    "time": ("date", "--iso-8601=ns"),
    "boots": ("journalctl", "--list-boots", "--no-pager"),
    "journal": ("journalctl", "--since=-24h", "--output=json", "--no-pager"),
    "failed-units": ("systemctl", "list-units", "--failed", "--no-pager", "--plain"),
    "units": ("systemctl", "list-units", "--all", "--no-pager", "--plain"),
    "processes": ("ps", "-eo", "pid,ppid,user,lstart,args", "--no-headers"),
    "sockets": ("ss", "-tuanp"),
    "addresses": ("ip", "-brief", "address"),
    "routes": ("ip", "route", "show", "table", "all"),
    "firewall": ("nft", "list", "ruleset"),
    "logins": ("last", "-F", "-n", "200"),
    "changed-files": (
        "find",
        "/etc",
        "/usr/local",
        "-xdev",
        "-newermt",
        "-7 days",
        "-type",
        "f",
        "-printf",
        "%T+ %p\\n",
    ),
}
"""What is asked, under the name of the file that keeps the answer. Nothing here shows a secret."""


class CollectEvidence(Action):
    """Bring the state and the last day's log of hosts to the controller, with checksums, and change nothing on them.

    When: first of all, whenever a host behaves as it should not: before a restart, before a roll-back, before a box is
    switched off. What is in memory is gone afterwards.

    Blast radius: none; commands that only read. The journal of a day may be 50 MB, which takes half an hour of a
    2 Mbps line.

    Way back: none is needed. The folder holds names and addresses of the network: keep it as you keep evidence, and
    add it to the incident it belongs to.
    """

    verb: ClassVar[str] = "collect-evidence"
    commands: ClassVar[tuple[str, ...]] = (
        "province op collect-evidence HOST",
        'province op collect-evidence HOST --reason "odd logins" --ticket INC-7 --go',
    )
    urgent: ClassVar[bool] = True
    at_once: ClassVar[bool] = True

    def pre(self, scene: Scene, host: Host) -> str:
        """The host must answer."""
        must(scene.remote, host.name, ["true"])
        if (self._folder(scene, host) / SUMS).exists():
            return ""
        return f"read {len(ASKED)} things: {', '.join(ASKED)}"

    def act(self, scene: Scene, host: Host) -> str:
        """Ask, and keep every answer; a command that failed is kept with its exit code and what it said."""
        folder = self._folder(scene, host)
        folder.mkdir(parents=True, exist_ok=True)
        failed = []
        for name, words in ASKED.items():
            done = scene.remote.run(host.name, words, 1800)
            (folder / f"{name}.txt").write_text(done.printed, encoding="utf-8")
            if done.code:
                failed.append(name)
                (folder / f"{name}.error.txt").write_text(f"exit code {done.code}\n{done.said}\n", encoding="utf-8")
        kept = {path.name: checksum(path) for path in sorted(folder.glob("*.txt"))}
        seal = write_sums(folder, kept)
        broken = f"; not answered: {' '.join(failed)}" if failed else ""
        return f"{len(ASKED) - len(failed)} answers in {folder}, {SUMS} is {seal[:16]}{broken}"

    def unhealthy(self, scene: Scene, host: Host) -> str:
        """Every file is as it was written."""
        return "; ".join(map(str, faults(self._folder(scene, host))))

    def _folder(self, scene: Scene, host: Host) -> Path:
        return scene.folder / host.name
