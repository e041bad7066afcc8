"""The disk of a box that is delivered with its packages: a host's base image, and they are installed and at rest."""

from __future__ import annotations

from pathlib import Path

from province.lab import image, mirror
from province.lab.commands import run
from province.toolchain import cache

ENABLED = "etc/systemd/system"
REFUSE = "#!/bin/sh\nexit 101\n"
"""Nothing starts while packages are installed (invoke-rc.d(8))."""


def ensure(packages: tuple[str, ...]) -> Path:
    """The root directory of such a disk, made first if the cache has none (about 2 minutes)."""
    base = image.ensure("host")
    files = mirror.downloaded("host", base, packages)
    key = cache.key_of(str(files.name), image.key("host"), *packages, Path(__file__).read_text(encoding="utf-8"))
    return cache.entry("image-node", key, lambda target: _build(base, files, target)) / "root"


def _build(base: Path, files: Path, target: Path) -> None:
    root = target / "root"
    run(["cp", "--archive", "--reflink=auto", base, root])
    policy, debs = root / "usr/sbin/policy-rc.d", root / "debs"
    policy.write_text(REFUSE)
    policy.chmod(0o755)
    debs.mkdir()
    for one in files.glob("*.deb"):
        run(["cp", "--reflink=auto", one, debs])
    run(
        [
            *("setpriv", "--pdeathsig", "KILL"),
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={root}/proc", "chroot", root),
            *("env", "DEBIAN_FRONTEND=noninteractive", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c"),
            "apt-get -q -y --no-install-recommends install /debs/*.deb",
        ]
    )
    run(["rm", "--recursive", debs])
    policy.unlink()
    _at_rest(base, root)


def _at_rest(base: Path, root: Path) -> None:
    """No unit starts that does not start on the base image: what starts is said by configuration."""
    before = {one.relative_to(base) for one in (base / ENABLED).rglob("*") if one.is_symlink()}
    for one in sorted((root / ENABLED).rglob("*")):
        if one.is_symlink() and one.relative_to(root) not in before:
            one.unlink()
