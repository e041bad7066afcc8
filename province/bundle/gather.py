"""Collect what a fleet's clusters are made of; what the cache lacks is built or downloaded first."""

from __future__ import annotations

from pathlib import Path

from province.bundle.contents import Contents, Image, Program, owners, read_packages
from province.fleet.fleet import Fleet
from province.lab import image as base_system
from province.lab import mirror, provision
from province.lab.spec import Image as BaseSystem
from province.toolchain import build, go, pins
from province.toolchain.images import ImageArchive, images, load_recipe, of_debian, tree_of

BASE_SYSTEMS: tuple[BaseSystem, ...] = ("host", "kubernetes")


def gather(fleet: Fleet) -> Contents:
    """Everything that the hosts of an environment install, and that its clusters run; needs root and Debian.

    Base systems are no part of it: the packages are those that hosts install on top of one.
    """
    roots = {kind: base_system.ensure(kind) for kind in BASE_SYSTEMS}
    programs = pins.load().artefacts.values()
    debian = mirror.downloads(provision.mirrored_packages(fleet), roots)
    return Contents(
        platform=go.host_platform(),
        programs=tuple(Program(one.name, one.version, build.built(one)) for one in programs),
        images=tuple(_image(one, roots["kubernetes"]) for one in images(roots["kubernetes"]).values()),
        packages=(*read_packages(debian), *read_packages(provision.own_packages(), vendor="province")),
    )


def _image(archive: ImageArchive, root: Path) -> Image:
    recipe = load_recipe(archive.name)
    tree = tree_of(recipe, root)
    carried = sorted(set(of_debian(recipe, tree).values()))
    return Image(archive, programs=tuple(recipe.built.values()), packages=owners(tree, carried))
