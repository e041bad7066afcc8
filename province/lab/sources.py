"""Which Debian archive this machine uses: the lab takes its packages from the same place.

Formats: sources.list(5), both the one-line style and the deb822 style.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from province.errors import ExitCode, ProvinceError

VARIABLE = "PROVINCE_DEBIAN_MIRROR"
SUITE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
DEBIAN_SUITES = frozenset(
    {"bullseye", "bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable"}
)
FETCHABLE = ("http://", "https://", "file:/")
POINTER = "mirror+file:"


@dataclass(frozen=True)
class Source:
    """One package source of the machine: where it is, which suites and components it is used for."""

    uri: str
    suites: frozenset[str]
    components: frozenset[str]

    @property
    def is_debian(self) -> bool:
        """Whether this is Debian's main archive, and not its security archive or another publisher's."""
        return "main" in self.components and bool(self.suites & DEBIAN_SUITES)


def debian_mirror(apt: Path = Path("/etc/apt"), environ: Mapping[str, str] = os.environ) -> str:
    """Return the address of the Debian archive that this machine installs from.

    PROVINCE_DEBIAN_MIRROR goes before the machine's own configuration. Raises ProvinceError when there is
    neither.
    """
    if chosen := environ.get(VARIABLE):
        return chosen.rstrip("/")
    for source in configured(apt):
        uri = _resolve(source.uri)
        if source.is_debian and uri.startswith(FETCHABLE):
            return uri.rstrip("/")
    raise ProvinceError(
        f"{apt}: no source of Debian's main archive among the machine's package sources",
        hint=f"set {VARIABLE} to the address of an archive that has {SUITE}",
        exit_code=ExitCode.MACHINE,
    )


def configured(apt: Path) -> Iterator[Source]:
    """Yield the binary package sources in the order in which apt reads its files."""
    folder = apt / "sources.list.d"
    parts = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in [apt / "sources.list", *parts]:
        if path.suffix == ".list" and path.is_file():
            yield from one_line(path.read_text(encoding="utf-8"))
        elif path.suffix == ".sources" and path.is_file():
            yield from deb822(path.read_text(encoding="utf-8"))


def one_line(text: str) -> Iterator[Source]:
    """Read the one-line style: `deb [options] uri suite component…`."""
    for line in text.splitlines():
        words = line.split("#", 1)[0].split()
        if not words or words[0] != "deb":
            continue
        rest = words[1:]
        if rest and rest[0].startswith("["):
            end = next((i for i, word in enumerate(rest) if word.endswith("]")), len(rest))
            rest = rest[end + 1 :]
        if len(rest) > 1:
            yield Source(rest[0], frozenset({rest[1]}), frozenset(rest[2:]))


def deb822(text: str) -> Iterator[Source]:
    """Read the deb822 style: paragraphs of `Key: values`, values go on in indented lines."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for paragraph in "\n".join(line.rstrip() for line in lines).split("\n\n"):
        fields: dict[str, list[str]] = {}
        key = ""
        for line in paragraph.splitlines():
            if line[:1] not in (" ", "\t"):
                key, _, line = line.partition(":")  # noqa: PLW2901 - what is left are the values
            fields.setdefault(key.strip().lower(), []).extend(line.split())
        enabled = fields.get("enabled", ["yes"])[0].lower() not in ("no", "false", "0", "off")
        if enabled and "deb" in fields.get("types", ()):
            for uri in fields.get("uris", ()):
                yield Source(uri, frozenset(fields.get("suites", ())), frozenset(fields.get("components", ())))


def _resolve(uri: str) -> str:
    """Follow a source that names a file with a list of archives, as Debian's cloud images do."""
    if not uri.startswith(POINTER):
        return uri
    path = Path("/" + uri.removeprefix(POINTER).lstrip("/"))
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((line.split()[0] for line in lines if line.strip() and not line.startswith("#")), uri)
