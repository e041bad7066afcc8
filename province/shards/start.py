"""How the pod of a shard starts: it fetches the checkout that its Job names by digest, and becomes `province` in it.

The image has this file and none other of ours (`k8s/images/fleet-runner.toml`), so it knows nothing of `province`: what
a run does is said by the commit that the run was planned with, not by the day on which somebody made an image.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

from obstore.exceptions import BaseError
from obstore.store import from_url

WHERE = "PROVINCE_CHECKOUT"
"""The variable that names the archive of a checkout in the store, as `s3://runs/7c1e9a/checkout/SHA256.tar.xz`."""
ENDING = ".tar.xz"
PLACE = "PROVINCE_CHECKOUT_PLACE"
"""The variable that names the empty folder into which it is unpacked."""
OF_DESK = "PROVINCE_OF_DESK"
"""The variable that names what no checkout has: `PATH-BELOW-IT=FILE` for each, with blanks between."""
USAGE, BAD_DATA, UNREACHABLE = 2, 3, 4
"""Exit codes of `province`: the first two are hopeless, so the shard is lost; the last is tried again."""


def main() -> NoReturn:
    """Start `province` with this program's own arguments."""
    where, place = os.environ.get(WHERE, ""), Path(os.environ.get(PLACE, ""))
    if not where.endswith(ENDING) or not place.is_absolute():
        _end(USAGE, f"{WHERE}={where} {PLACE}={place}: no run is named; province shard kubernetes makes the Job of one")
    unpack(fetched(where), place)
    for one in os.environ.get(OF_DESK, "").split():
        name, _, file = one.partition("=")
        link = place / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file)
    os.chdir(place)
    os.execv(sys.executable, [sys.executable, "-m", "province", *sys.argv[1:]])  # noqa: S606 - the same interpreter


def fetched(where: str) -> bytes:
    """The archive, which is what its name says or ends this program."""
    place, _, name = where.rpartition("/")
    try:
        content = bytes(from_url(place).get(name).bytes())
    except FileNotFoundError:
        _end(BAD_DATA, f"{where}: is not there; province shard kubernetes puts it there")
    except (BaseError, OSError, ValueError) as error:
        _end(UNREACHABLE, f"{where}: {error}")
    if (found := sha256(content).hexdigest()) != name.removesuffix(ENDING):
        _end(BAD_DATA, f"{where}: has the digest {found}; somebody else wrote it")
    return content


def unpack(content: bytes, place: Path) -> None:
    """Unpack an archive; nothing of it can come to lie outside the folder."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:xz") as archive:
        archive.extractall(place, filter="data")


def _end(code: int, why: str) -> NoReturn:
    sys.stderr.write(f"{why}\n")
    raise SystemExit(code)


if __name__ == "__main__":
    main()
