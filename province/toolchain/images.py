"""The container images: recipes of ``k8s/images/`` made into archives that `ctr images import` reads."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from province.errors import ExitCode, ProvinceError
from province.toolchain import archive, build, cache, elf, go, pins
from province.toolchain.pins import Name, Pin

RECIPES = pins.CHECKOUT / "k8s" / "images"

# Raise it when `archive` writes the same content differently: old entries of the cache are then left aside.
_FORMAT = "1"

ImagePath = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9._+-]+)+$")]


class Recipe(Pin):
    """What an image holds: path in it → program.

    `built` are programs of ``versions.toml``; `debian` are paths in the Debian tree, brought with the shared
    libraries they need.
    """

    entrypoint: tuple[str, ...] = Field(min_length=1)
    user: Annotated[str, StringConstraints(pattern=r"^(\d+(:\d+)?)?$")] = ""
    built: dict[ImagePath, Name] = Field(default_factory=dict)
    debian: dict[ImagePath, ImagePath] = Field(default_factory=dict)


class ImageArchive(Pin):
    """An image in a file.

    `reference` is the name that manifests use; `digest` is that of the image's manifest, for references of
    the form ``name@digest``; `sha256` is the checksum of the file itself.
    """

    name: str
    path: Path
    reference: str
    digest: str
    sha256: str


def reference(name: str) -> str:
    """Return the full name of an image, as ``repository/name:tag``."""
    return pins.load().reference(name)


def images(root: Path) -> dict[str, ImageArchive]:
    """Return all images, making those that are missing; `root` is a Debian tree that holds nft and catatonit.

    Programs are always those built from pins, never installed ones: an image is the same on every machine.
    """
    return {name: image(name, root) for name in pins.load().images.tags}


def image(name: str, root: Path) -> ImageArchive:
    """Return one image, see `images`."""
    recipe = load_recipe(name)
    full_name = reference(name)
    artefacts = {path: pins.load().artefact(program) for path, program in recipe.built.items()}
    files = {path: build.built(artefact) for path, artefact in artefacts.items()}
    for path, source in recipe.debian.items():
        found = elf.closure(root, source)
        files |= {path if place == source else place: real for place, real in found.items()}
    content = archive.Content(files, recipe.entrypoint, recipe.user, go.host_platform().partition("-")[2])

    def make(folder: Path) -> None:
        target = folder / f"{name}.tar"
        digest = archive.write(target, full_name, content)
        (folder / "image.json").write_text(json.dumps({"digest": digest, "sha256": _sha256(target)}))

    known = {path: build.checksum(files[path]) for path in artefacts}
    contents = {path: known.get(path) or _sha256(file) for path, file in sorted(files.items())}
    key = cache.key_of(_FORMAT, full_name, recipe.model_dump_json(), json.dumps(contents))
    place = cache.entry("image", key, make)
    sums = json.loads((place / "image.json").read_text())
    return ImageArchive(name=name, path=place / f"{name}.tar", reference=full_name, **sums)


def load_recipe(name: str) -> Recipe:
    """Read one recipe; what is wrong with it is an error that names file and key."""
    file = RECIPES / f"{name}.toml"
    try:
        return Recipe.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ProvinceError(
            f"{file} is missing: versions.toml names an image {name}",
            hint="write its recipe or remove the name from versions.toml",
            exit_code=ExitCode.BAD_DATA,
        ) from error
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ProvinceError(
            f"{file}: {error}",
            hint="the other files of that folder are examples",
            exit_code=ExitCode.BAD_DATA,
        ) from error


def _sha256(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
