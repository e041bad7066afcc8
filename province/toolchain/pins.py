"""What is built and under which version: the typed form of ``versions.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from province.errors import ExitCode, ProvinceError
from province.toolchain import lock

CHECKOUT = Path(__file__).resolve().parents[2]
PINS_FILE = CHECKOUT / "versions.toml"
TOOLS = CHECKOUT / "tools"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
Platform = Annotated[str, StringConstraints(pattern=r"^[a-z]+-[a-z0-9]+$")]


class Pin(BaseModel):
    """A part of the pins: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Compiler(Pin):
    """The one Go release that builds everything; another one gives other bytes."""

    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]


class Stamp(Pin):
    """Variables that the linker sets, the same in each of `packages`."""

    packages: tuple[str, ...]
    values: dict[str, str]


class Installed(Pin):
    """How to ask a program that is already on the machine whether it is the one we want.

    It is, if the first line of what it prints is exactly `answer`.
    """

    arguments: tuple[str, ...]
    answer: str


class ArtefactPin(Pin):
    """One program of a module: the Go package of its main function and what the build must yield."""

    package: str
    installed: Installed | None = None
    sha256: dict[Platform, Sha256] = Field(default_factory=dict)


class ModulePin(Pin):
    """One folder of ``tools/``: what its programs have in common.

    `nosumdb` are module paths that the public checksum database does not know. `on_demand`: built only where somebody
    asks for it by name, because neither the lab nor a test does.
    """

    version: str = Field(min_length=1)
    on_demand: bool = False
    tags: tuple[str, ...] = ()
    nosumdb: tuple[str, ...] = ()
    stamps: tuple[Stamp, ...] = ()
    artefacts: dict[Name, ArtefactPin]


class ImagePins(Pin):
    """What the container images are called: repository and, by image, the tag and the digest of its manifest.

    The digests are those of images for linux-amd64; see `lock` for what holds where another one was made. `on_demand`:
    made only where somebody asks for it by name, because no cluster needs it to run.
    """

    repository: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9./-]*[a-z0-9]$")]
    tags: dict[Name, Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")]]
    digests: dict[Name, Sha256] = Field(default_factory=dict)
    on_demand: tuple[Name, ...] = ()

    @property
    def always(self) -> tuple[str, ...]:
        """The images that every lab and every bundle has."""
        return tuple(name for name in self.tags if name not in self.on_demand)


class Artefact(Pin):
    """A program with everything needed to build it: its own pin and its module's, joined."""

    name: str
    module: str
    version: str
    on_demand: bool
    package: str
    tags: tuple[str, ...]
    nosumdb: tuple[str, ...]
    variables: dict[str, str]
    installed: Installed | None
    sha256: dict[Platform, Sha256]

    @property
    def source(self) -> Path:
        """The folder of the Go module."""
        return TOOLS / self.module


class Pins(Pin):
    """All of ``versions.toml``."""

    go: Compiler
    modules: dict[Name, ModulePin]
    images: ImagePins

    @property
    def artefacts(self) -> dict[str, Artefact]:
        """Every program by name, in the order of the file."""
        return {
            name: _join(name, pin, folder, module)
            for folder, module in self.modules.items()
            for name, pin in module.artefacts.items()
        }

    def artefact(self, name: str) -> Artefact:
        """Return one program; an unknown name is an error that lists the known ones."""
        known = self.artefacts
        if name not in known:
            raise ProvinceError(
                f"{name}: the toolchain builds no such program",
                hint=f"it builds {', '.join(known)}",
                exit_code=ExitCode.USAGE,
            )
        return known[name]

    def tagged(self, image: str) -> str:
        """Return the name of an image as kubeadm writes it: ``repository/image:tag``."""
        if image not in self.images.tags:
            raise ProvinceError(
                f"{image}: the toolchain makes no such image",
                hint=f"it makes {', '.join(self.images.tags)}",
                exit_code=ExitCode.USAGE,
            )
        return f"{self.images.repository}/{image}:{self.images.tags[image]}"

    def reference(self, image: str) -> str:
        """Return the full name of an image, as a manifest writes it: ``repository/image:tag@sha256:digest``.

        The same at every site: each node's runtime finds it in the registry of its own site. Raises ProvinceError for
        an image that was neither recorded nor made here.
        """
        name = self.tagged(image)
        recorded = self.images.digests.get(image, "")
        made = lock.read().get(image)
        if made and (made.tag, made.instead_of) == (self.images.tags[image], recorded):
            return f"{name}@sha256:{made.digest}"
        if not recorded:
            raise ProvinceError(
                f"{image}: no digest is recorded for it, and it was not made on this machine",
                hint="make it as root (province toolchain images), then record what that says in versions.toml",
                exit_code=ExitCode.BAD_DATA,
            )
        return f"{name}@sha256:{recorded}"


@cache
def load(file: Path = PINS_FILE) -> Pins:
    """Read the pins; all that is wrong with them is one error that names file and keys."""
    try:
        return Pins.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ProvinceError(f"{file} is missing", hint="restore it from git", exit_code=ExitCode.BAD_DATA) from error
    except tomllib.TOMLDecodeError as error:
        raise ProvinceError(
            f"{file} is not TOML: {error}", hint="mend the line named above", exit_code=ExitCode.BAD_DATA
        ) from error
    except ValidationError as error:
        raise ProvinceError(
            "\n".join([str(file), *(f"  {_problem(detail)}" for detail in error.errors())]),
            hint="province/toolchain/pins.py says which keys there are",
            exit_code=ExitCode.BAD_DATA,
        ) from error


def _problem(detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{where}: unknown key"
    if detail["type"] == "missing":
        return f"{where}: missing"
    return f"{where}: {detail['msg']}, not {detail['input']!r}"


def _join(name: str, pin: ArtefactPin, folder: str, module: ModulePin) -> Artefact:
    def filled(text: str) -> str:
        return text.replace("{version}", module.version)

    variables = {
        f"{package}.{variable}": filled(value)
        for stamp in module.stamps
        for package in stamp.packages
        for variable, value in stamp.values.items()
    }
    installed = pin.installed and pin.installed.model_copy(update={"answer": filled(pin.installed.answer)})
    return Artefact(
        name=name,
        module=folder,
        version=module.version,
        on_demand=module.on_demand,
        package=pin.package,
        tags=module.tags,
        nosumdb=module.nosumdb,
        variables=variables,
        installed=installed,
        sha256=pin.sha256,
    )
