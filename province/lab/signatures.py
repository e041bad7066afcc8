"""What malware and attacks are known by in the lab, in the place of what suppliers send every day.

One of each is enough to see that they arrive and are used: the test file and the test answer that every scanner and
every intrusion detection knows, and that do no harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from province.lab.deb import Deb, make_deb
from province.verify.malware import TEST_FILE


@dataclass(frozen=True)
class Signatures:
    """A package of them: its name, the path of its only file on a host, and what is in it."""

    package: str
    path: str
    content: str
    description: str
    provides: tuple[str, ...] = ()


MALWARE = Signatures(
    package="malware-signatures",
    path="var/lib/clamav/province.ndb",
    # ClamAV's format of extended signatures: name, any type of file, where in it, and the bytes.
    content=f"Test-File:0:0:{TEST_FILE.hex()}\n",
    description="Signatures of malware",
    provides=("clamav-data",),
)
ATTACKS = Signatures(
    package="intrusion-rules",
    path="usr/share/intrusion-rules/supplied.rules",
    content=(
        'alert ip any any -> any any (msg:"A command says that root has run it"; content:"uid=0|28|root|29|"; '
        "classtype:successful-admin; sid:2000001; rev:1;)\n"
    ),
    description="Rules of intrusion detection",
)
ALL = (MALWARE, ATTACKS)


def version(today: date) -> str:
    """The week's Monday: those of the lab are renewed once a week, a real supplier's every day."""
    return f"{today - timedelta(days=today.weekday()):%Y%m%d}"


def write_package(folder: Path, signatures: Signatures, made: str) -> Path:
    """Write the package of what was made on a day (`YYYYMMDD`) into a folder and return its path."""
    source = folder / Path(signatures.path).name
    source.write_text(signatures.content, encoding="ascii")
    try:
        return make_deb(
            folder,
            Deb(
                name=signatures.package,
                version=made,
                files={signatures.path: (source, 0o644)},
                maintainer="Platform engineers <platform@invalid>",
                description=signatures.description,
                provides=signatures.provides,
            ),
        )
    finally:
        source.unlink()
