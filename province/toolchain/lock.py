"""Digests of images that this machine made and that ``versions.toml`` could not foresee.

An image of our own programs alone is the same everywhere, and its digest is recorded. One that carries files of
Debian's packages follows Debian: after an update there it has another digest. What `images` made then stands in
``.province/images.json`` and goes before the recorded one, for as long as that one stays what it was. The bundle of a
release holds the image with the recorded digest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from province.errors import ExitCode, ProvinceError

FILE = Path(__file__).resolve().parents[2] / ".province" / "images.json"


class Made(BaseModel):
    """The digest of an image as it was made here, and the recorded one that it stands in for; "" for none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tag: str
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    instead_of: str


_FORM = TypeAdapter(dict[str, Made])


def read(file: Path | None = None) -> dict[str, Made]:
    """The images of the lock by name; none where there is no lock. Raises ProvinceError for one that is spoilt."""
    place = file or FILE
    try:
        return _FORM.validate_json(place.read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        raise ProvinceError(
            f"{place} is not what the toolchain wrote: {error.error_count()} problems",
            hint="remove it and make the images again: province toolchain images",
            exit_code=ExitCode.BAD_DATA,
        ) from error


def write(made: Mapping[str, Made], file: Path | None = None) -> None:
    """Make the lock hold exactly these images; without any there is no lock."""
    place = file or FILE
    if not made:
        place.unlink(missing_ok=True)
    elif read(place) != made:
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = place.with_name(f".{place.name}.new")
        content = {name: one.model_dump() for name, one in sorted(made.items())}
        fresh.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        fresh.replace(place)
