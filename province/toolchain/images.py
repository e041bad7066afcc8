"""The container images: recipes of ``k8s/images/`` made into OCI archives, whose digests everybody refers to."""

from __future__ import annotations

import hashlib
import json
import sys
import tomllib
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from province.errors import ExitCode, ProvinceError
from province.toolchain import archive, build, cache, debian, elf, go, lock, pins
from province.toolchain import locked as libraries
from province.toolchain.lock import Made
from province.toolchain.locked import Locked
from province.toolchain.pins import Name, Pin

PLATFORM = "linux-amd64"
"""The platform that the digests of ``versions.toml`` are for."""

RECIPES = pins.CHECKOUT / "k8s" / "images"

# Raise it when `archive` writes the same content differently: old entries of the cache are then left aside.
_FORMAT = "1"

ImagePath = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9._+-]+)+$")]
PackageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]
OwnPath = Annotated[str, StringConstraints(pattern=r"^[a-z][A-Za-z0-9_-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$")]


class Recipe(Pin):
    """What an image holds: path in it → program.

    `built` are programs of ``versions.toml``; `debian` are paths in the Debian tree, brought with the shared
    libraries they need; `folders` are whole folders of it, without files whose path fits one of `left_out` (shell
    patterns). The tree is that of cluster nodes, or, where a recipe names `packages`, one of these. `locked` are the
    libraries of ``uv.lock``, with the shared libraries that they need of that tree. `ours` are files that stand beside
    the recipes, `checkout` files of this checkout by their path in it. `links` are further names, each with the path
    that it leads to.
    """

    entrypoint: tuple[str, ...] = Field(min_length=1)
    user: Annotated[str, StringConstraints(pattern=r"^(\d+(:\d+)?)?$")] = ""
    built: dict[ImagePath, Name] = Field(default_factory=dict)
    debian: dict[ImagePath, ImagePath] = Field(default_factory=dict)
    packages: tuple[PackageName, ...] = ()
    folders: dict[ImagePath, ImagePath] = Field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    locked: Locked | None = None
    ours: dict[ImagePath, Name] = Field(default_factory=dict)
    checkout: dict[ImagePath, OwnPath] = Field(default_factory=dict)
    links: dict[ImagePath, ImagePath] = Field(default_factory=dict)

    @property
    def follows_debian(self) -> bool:
        """Whether it holds files of Debian's, so that its digest changes when they do."""
        return bool(self.debian or self.folders or self.locked)


class ImageArchive(Pin):
    """An image in a file.

    `tagged` is its name without and `reference` that with the digest of the image's manifest, ``sha256:…``;
    `sha256` is the checksum of the file itself.
    """

    name: str
    path: Path
    tagged: str
    digest: str
    sha256: str

    @property
    def reference(self) -> str:
        """The name that manifests use."""
        return f"{self.tagged}@{self.digest}"


def reference(name: str) -> str:
    """Return the full name of an image, as ``repository/name:tag@sha256:digest``."""
    return pins.load().reference(name)


def images(root: Path, names: Iterable[str] = ()) -> dict[str, ImageArchive]:
    """Return these images, or all but those on demand, making those that are missing.

    `root` is a Debian tree that holds nft and catatonit. Programs are always those built from pins, never installed
    ones: an image is the same on every machine. Digests that ``versions.toml`` does not have go into the lock.
    """
    pinned = pins.load().images
    made = {name: image(name, root) for name in names or pinned.always}
    note(made.values())
    return made


def note(archives: Iterable[ImageArchive]) -> None:
    """Have `reference` name these images from now on, wherever they were made; what was said of others holds."""
    used = list(archives)
    named = {one.name for one in used} | {name for name in lock.read() if name not in pins.load().images.tags}
    kept = {name: one for name, one in lock.read().items() if name not in named}
    lock.write(kept | dict(_unforeseen(used)))


def image(name: str, root: Path) -> ImageArchive:
    """Return one image, see `images`.

    Raises ProvinceError for an image of our programs alone that is not the recorded one.
    """
    recipe = load_recipe(name)
    tagged = pins.load().tagged(name)
    content = contents(recipe, root)

    def make(folder: Path) -> None:
        target = folder / f"{name}.tar"
        digest = archive.write(target, tagged, content)
        (folder / "image.json").write_text(json.dumps({"digest": digest, "sha256": _sha256(target)}))

    known = {path: build.checksum(content.files[path]) for path in recipe.built}
    sums = {path: known.get(path) or _sha256(file) for path, file in sorted(content.files.items())}
    key = cache.key_of(_FORMAT, tagged, recipe.model_dump_json(), json.dumps(sums))
    place = cache.entry("image", key, make)
    written = json.loads((place / "image.json").read_text())
    found = ImageArchive(name=name, path=place / f"{name}.tar", tagged=tagged, **written)
    _check(found, recipe)
    return found


def contents(recipe: Recipe, root: Path) -> archive.Content:
    """Return the files of an image, with those that its Debian programs need from the tree `root`."""
    files = {path: build.built(pins.load().artefact(program)) for path, program in recipe.built.items()}
    files |= {path: RECIPES / file for path, file in recipe.ours.items()}
    files |= {path: pins.CHECKOUT / file for path, file in recipe.checkout.items()}
    files |= of_debian(recipe, tree_of(recipe, root))
    machine = go.host_platform().partition("-")[2]
    return archive.Content(files, recipe.entrypoint, recipe.user, machine, recipe.links)


def tree_of(recipe: Recipe, root: Path) -> Path:
    """Return the Debian tree that a recipe takes files from: `root`, or that of the packages that it names."""
    return debian.tree(recipe.packages) if recipe.packages else root


def of_debian(recipe: Recipe, tree: Path) -> dict[str, Path]:
    """Return the files of an image that others make, by their path in it: Debian's and the libraries of the lock."""
    files: dict[str, Path] = {}
    for path, source in recipe.debian.items():
        found = elf.closure(tree, source)
        files |= {path if place == source else place: real for place, real in found.items()}
    for path, source in recipe.folders.items():
        files |= _folder(tree, source, path, recipe.left_out)
    if recipe.locked:
        files |= libraries.files(recipe.locked, tree)
    return files


def _folder(tree: Path, source: str, target: str, left_out: Iterable[str]) -> dict[str, Path]:
    """Return all files of a folder in the tree by their path in the image, and what the libraries among them need."""
    found: dict[str, Path] = {}
    for file in sorted((tree / source.lstrip("/")).rglob("*")):
        name = f"/{file.relative_to(tree)}"
        if file.is_dir() or any(fnmatch(name, pattern) for pattern in left_out):
            continue
        found[target + name.removeprefix(source)] = elf.in_tree(tree, name)
        if file.suffix == ".so":
            found |= {place: real for place, real in elf.closure(tree, name).items() if place != name}
    return found


def _check(made: ImageArchive, recipe: Recipe) -> None:
    recorded = pins.load().images.digests.get(made.name)
    if go.host_platform() != PLATFORM or recipe.follows_debian or recorded is None:
        return
    if made.digest == f"sha256:{recorded}":
        return
    raise ProvinceError(
        f"{made.tagged}: the image is not the recorded one\n"
        f"  made     {made.digest}\n"
        f"  recorded sha256:{recorded} (versions.toml, images.digests.{made.name})",
        hint="restore k8s/images/, tools/ and versions.toml from git; after a wanted change record the new digest",
        exit_code=ExitCode.BAD_DATA,
    )


def _unforeseen(made: Iterable[ImageArchive]) -> Iterable[tuple[str, Made]]:
    """Yield the images whose digest is not the recorded one; each is told, because it is what will run."""
    named = pins.load().images
    for one in made:
        digest = one.digest.removeprefix("sha256:")
        recorded = named.digests.get(one.name, "")
        if digest != recorded:
            print(f"toolchain: {one.tagged} has a digest of its own here: {one.digest}", file=sys.stderr, flush=True)
            yield one.name, Made(tag=named.tags[one.name], digest=digest, instead_of=recorded)


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
