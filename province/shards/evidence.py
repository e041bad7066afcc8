"""Evidence of a shard's checks goes to the store, under the name of its content: the same file is there once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from province.rollout.conduct import Hands, Seen, Told
from province.rollout.entries import Back, Wish
from province.shards.store import Store
from province.verify.signature import signature_path

FOLDER = "evidence/"


@dataclass(frozen=True)
class EvidenceToStore:
    """The hands of a shard whose machine may be gone tomorrow; a fact names the object that proves it."""

    hands: Hands
    store: Store

    def verify(self, batch: int, hosts: Sequence[str], /) -> dict[str, Seen]:
        """What verification says of each host; its evidence is in the store before that is a fact."""
        found = self.hands.verify(batch, hosts)
        kept = {path: self._keep(Path(path)) for path in {one.evidence for one in found.values()} if path}
        return {host: replace(one, evidence=kept.get(one.evidence, "")) for host, one in found.items()}

    def now(self) -> datetime:
        """The time of the next line."""
        return self.hands.now()

    def asked(self) -> tuple[Wish, str] | None:
        """What somebody wants of the run."""
        return self.hands.asked()

    def apply(self, batch: int, hosts: Sequence[str], told: Told, /) -> None:
        """Bring hosts to their declared state."""
        self.hands.apply(batch, hosts, told)

    def soak(self, seconds: int) -> bool:
        """Wait."""
        return self.hands.soak(seconds)

    def put_back(self, hosts: Sequence[str], told: Callable[[str, Back, str], None]) -> None:
        """Bring hosts back."""
        self.hands.put_back(hosts, told)

    def _keep(self, path: Path) -> str:
        """The object's name; the signature, where there is one, lies beside it."""
        content, signature = path.read_bytes(), signature_path(path)
        name = f"{FOLDER}{sha256(content).hexdigest()}.jsonl"
        if signature.is_file():
            self.store.put(f"{name}.sig", signature.read_bytes())
        self.store.put(name, content)
        return name
