"""A Pulumi installation of this checkout's own: plugins, state and passphrase apart from the user's."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from pathlib import Path

from province.toolchain import build, pins

STATE_DIR = pins.CHECKOUT / ".province" / "pulumi"

_LANGUAGE_HOST = "pulumi-language-python"
_PROVIDER = "pulumi-resource-kubernetes"


def prepare(state_dir: Path = STATE_DIR) -> dict[str, str]:
    """Make or complete the installation below `state_dir`; return the environment in which `pulumi` uses it.

    Below it are `home` (plugins, by version), `state` (the stacks) and `passphrase`, which encrypts the secrets
    in the stacks and is never written again once it is there. Builds CLI and provider if they are missing.
    """
    cli = build.binary("pulumi")
    place = state_dir.absolute()
    home, state = place / "home", place / "state"
    state.mkdir(parents=True, exist_ok=True)
    _link_provider(home)
    _write_language_host(home, cli)
    return environment(home, state, _passphrase(place / "passphrase"))


def environment(home: Path, state: Path, passphrase: Path) -> dict[str, str]:
    """Return the settings of a Pulumi that asks nobody, fetches nothing and keeps its state in files."""
    return {
        "PULUMI_HOME": str(home),
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        # Only what lies in this home or beside the CLI: another provider on the PATH would win, whatever version.
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
        # The fields that our programs declare are ours, even after somebody edited them by hand.
        "PULUMI_K8S_ENABLE_PATCH_FORCE": "true",
        # Offers that end a failed run with an advertisement instead of its error.
        "PULUMI_SUPPRESS_NEO_LINK": "true",
    }


def _link_provider(home: Path) -> None:
    version = pins.load().artefact(_PROVIDER).version
    folder = home / "plugins" / f"resource-kubernetes-v{version.removeprefix('v')}"
    _link(folder / _PROVIDER, build.binary(_PROVIDER))


def _write_language_host(home: Path, cli: Path) -> None:
    """Install our language host, unless the CLI is the official bundle and has its own beside it."""
    version = pins.load().artefact("pulumi").version
    host = home / "plugins" / f"language-python-{version}" / _LANGUAGE_HOST
    if (cli.resolve().parent / _LANGUAGE_HOST).exists():
        host.unlink(missing_ok=True)
        return
    # -P: the folder that pulumi is called from must not hide installed packages. -u: output comes as it is made.
    start = f'exec {shlex.quote(sys.executable)} -P -u -m province.toolchain.pulumi_host "$@"'
    _replace(host, f"#!/bin/sh\n{start}\n", mode=0o755)


def _passphrase(file: Path) -> Path:
    """Write a passphrase of 256 random bits, readable by the owner alone; one that is there stays."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file
    with os.fdopen(descriptor, "w", encoding="ascii") as target:
        target.write(secrets.token_urlsafe(32) + "\n")
    return file


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.symlink_to(target)
    temporary.replace(link)


def _replace(file: Path, text: str, *, mode: int) -> None:
    """Write a file unless it is there already; a run that goes on meanwhile sees the old or the new one."""
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(mode)
    temporary.replace(file)
