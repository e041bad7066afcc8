"""What a rotation asks of one kind of authority."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import ClassVar

from province.fleet.hosts import Host
from province.manifest.build import Builder
from province.manifest.manifest import Manifest
from province.manifest.rotations import Kind, Phase, Report, Rotation
from province.manifest.trust import load_trust
from province.ops import node_talk
from province.ops.actions.action import Scene
from province.ops.actions.remote import ActionTrouble
from province.ops.node_wire import NodeTrouble
from province.pki import ssh_host
from province.pki.anchors import fingerprint
from province.verify.reach import AT_A_TIME

CONFIRM_SECONDS = 120
Surveyed = dict[str, Report | str]
"""Host → what it reports, or why it did not."""


@dataclass(frozen=True)
class Step:
    """A step to be taken, or taken: `row` is None before the first one of a rotation was written down."""

    row: Rotation | None
    now: Phase
    wanted: Phase
    reason: str = ""

    @property
    def accepted(self) -> frozenset[str] | None:
        """Fingerprints of what is accepted after it; None while the new authority is not there yet."""
        return None if self.row is None else frozenset(map(fingerprint, self.row.accepted(self.wanted)))


class Turning(ABC):
    """One kind of authority; made anew for every look at hosts."""

    kind: ClassVar[Kind]

    def __init__(self) -> None:
        self._lock = Lock()
        self._builder: Builder | None = None

    def check_new(self, anchor: str) -> None:
        """Raise ValueError for what cannot be such an authority: of OpenSSH's, anything but Ed25519."""
        ssh_host.public_key(anchor)

    @abstractmethod
    def report(self, scene: Scene, host: Host, step: Step) -> Report:
        """What a host accepts and shows; raises ConnectionError and ActionTrouble."""

    @abstractmethod
    def pending(self, scene: Scene, host: Host, step: Step) -> str:
        """What a step still has to do on a host, empty when nothing; also before the step was written down."""

    @abstractmethod
    def act(self, scene: Scene, host: Host, step: Step) -> str:
        """Do it, and say what was done."""

    def settle(self, scene: Scene, step: Step) -> None:  # noqa: B027 - some have nothing at the controller
        """Have what belongs to the controller itself as a phase wants it; done again it changes nothing."""

    def survey(self, scene: Scene, hosts: Sequence[Host], step: Step) -> Surveyed:
        """Ask all hosts."""

        def one(host: Host) -> Report | str:
            try:
                return self.report(scene, host, step)
            except (ConnectionError, ActionTrouble) as error:
                return str(error)

        with ThreadPoolExecutor(AT_A_TIME) as pool:
            return dict(zip((host.name for host in hosts), pool.map(one, hosts), strict=True))

    def bring(self, scene: Scene, host: Host, step: Step, only: Sequence[str] = ()) -> str:
        """Apply capabilities of a host; what cuts it off is taken back by the host itself."""
        manifest = self.manifest(scene, host, only)
        reason = f"rotate {self.kind}, {step.wanted}: {step.reason}"
        wish = node_talk.Wish(
            manifest.digest, manifest.desired, tuple(only), reason=reason, confirm_seconds=CONFIRM_SECONDS
        )
        try:
            changes = node_talk.apply(scene.contact(scene.fleet, host.name), wish).changes
        except NodeTrouble as trouble:
            raise ActionTrouble(str(trouble)) from None
        return ", ".join(changes) or "it was so already"

    def manifest(self, scene: Scene, host: Host, only: Sequence[str], *, anew: bool = False) -> Manifest:
        """What a host is to be by the anchors of now; one at a time, because they share what was rendered.

        `anew`: read the trust anchors again, because a certificate was signed since.
        """
        with self._lock:
            return self._built(scene, anew=anew).build(host, only=tuple(only))

    def owners(self, scene: Scene, host: Host, paths: Collection[str]) -> tuple[str, ...]:
        """The capabilities of a host that own one of these files; nothing is rendered."""
        with self._lock:
            known = self._built(scene).capabilities
        return tuple(one.capability for one in known if one.applies(host) and set(paths) & set(one.files))

    def _built(self, scene: Scene, *, anew: bool = False) -> Builder:
        if self._builder is None or anew:
            self._builder = Builder(scene.fleet, load_trust(scene.fleet))
        return self._builder
