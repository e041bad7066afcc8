"""Private keys of authorities that lie with the controller: the one that signs, the next one, and the one before.

Only copies are put in another's place, file by file, so a controller that is killed in between goes on by doing it
again. The one before is kept until its authority is let go, because until then a rotation may go back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.x509.oid import NameOID

from province.fleet.fleet import Fleet
from province.manifest.rotations import Kind
from province.pki import authority
from province.pki.authority import authority_folder

NAME_CHARACTERS = 50
"""Of the common name of an authority of services, so that a date has its place behind it (64 in all, X.520)."""


@dataclass(frozen=True)
class AuthorityKeys:
    """The keys of one authority below the controller's folder."""

    folder: Path
    kind: Kind

    @classmethod
    def of(cls, fleet: Fleet, kind: Kind) -> AuthorityKeys:
        """Those of an environment."""
        return cls(authority_folder(fleet), kind)

    @property
    def signing(self) -> Path:
        """The private key that signs."""
        return self._files(self.folder)[0]

    @property
    def here(self) -> bool:
        """Whether this controller has it; elsewhere a keeper does."""
        return self.signing.exists()

    def make_next(self, now: datetime) -> str:
        """The public half of the authority to come, which is made first if there is none."""
        folder = self._beside("next")
        secret, public = self._files(folder)
        if not public.exists():
            shutil.rmtree(folder, ignore_errors=True)  # half of one: nobody was told of it
            folder.mkdir(mode=0o700, parents=True)
            if self.kind is Kind.SERVICE_CA:
                authority.ensure(folder, self._name(now), now)
            else:
                words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{self.kind} {now:%Y-%m-%d}"]
                subprocess.run([*words, "-f", str(secret)], check=True)
        return public.read_text(encoding="utf-8").strip()

    def use_next(self) -> None:
        """Let the new one sign; the old one is kept. What is done already is not done again."""
        for target, new, before in self._places():
            if target.read_bytes() != new.read_bytes():
                if not before.exists():
                    _put(before, target.read_bytes())
                _put(target, new.read_bytes())

    def use_before(self) -> None:
        """Let the old one sign again."""
        for target, _, before in self._places():
            if before.exists() and target.read_bytes() != before.read_bytes():
                _put(target, before.read_bytes())

    def forget(self) -> None:
        """Keep only the one that signs."""
        for name in ("before", "next"):
            shutil.rmtree(self._beside(name), ignore_errors=True)

    def _places(self) -> list[tuple[Path, Path, Path]]:
        """File that signs, its next one, the one before; the private key first."""
        folders = (self.folder, self._beside("next"), self._beside("before"))
        return list(zip(*(self._files(folder) for folder in folders), strict=True))

    def _beside(self, name: str) -> Path:
        return self.folder / name / self.kind

    def _files(self, folder: Path) -> tuple[Path, Path]:
        if self.kind is Kind.SERVICE_CA:
            return folder / authority.KEY, folder / authority.CERTIFICATE
        secret = (folder / self.kind).resolve()  # the lab's lies with what else of its SSH
        return secret, secret.with_name(f"{secret.name}.pub")

    def _name(self, now: datetime) -> str:
        """Another one than the old authority's: programs look an issuer up by its name."""
        subject = authority.load(self.folder).certificate.subject
        common = str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        return f"{common.partition(' since ')[0][:NAME_CHARACTERS]} since {now:%Y-%m-%d %H:%M}"[:64]


def _put(path: Path, content: bytes) -> None:
    """Write a file as a whole; private keys are the owner's alone, and what is public may be so, too."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
