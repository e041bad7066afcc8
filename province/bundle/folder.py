"""Write a bundle of what a cluster is made of, and read one; its checksums are in `sums.py`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from province.bundle.contents import Contents
from province.bundle.materials import bill_of_materials
from province.bundle.sums import checksum, write_sums
from province.errors import ExitCode, ProvinceError
from province.toolchain.images import ImageArchive

LIST = "bundle.json"
MATERIALS = "sbom.cdx.json"


def make(folder: Path, contents: Contents) -> str:
    """Write a bundle into an empty or new folder; return the checksum of its list. The same contents give the same.

    Raises ProvinceError for a folder that holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ProvinceError(f"{folder} is not empty", hint="name a new folder for the bundle", exit_code=ExitCode.USAGE)
    for place, source in contents.files().items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        # A copy, not a link: what is changed in a bundle must not change the cache.
        shutil.copyfile(source, target)
    sums = {place: checksum(folder / place) for place in contents.files()}
    for name, document in ((LIST, _listed(contents, sums)), (MATERIALS, bill_of_materials(contents, sums))):
        text = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        (folder / name).write_text(text, encoding="utf-8")
        sums[name] = checksum(folder / name)
    return write_sums(folder, sums)


def archives(folder: Path) -> tuple[ImageArchive, ...]:
    """The images of a bundle that was found faultless."""
    listed = json.loads((folder / LIST).read_text(encoding="utf-8"))["images"]
    return tuple(
        ImageArchive(
            name=one["name"],
            path=folder.absolute() / "images" / f"{one['name']}.tar",
            tagged=one["reference"].partition("@")[0],
            digest=one["reference"].partition("@")[2],
            sha256=one["sha256"],
        )
        for one in listed
    )


def _listed(contents: Contents, sums: Mapping[str, str]) -> dict[str, Any]:
    """The bundle's own table of contents, for programs."""
    return {
        "format": 1,
        "platform": contents.platform,
        "programs": [
            {"name": one.name, "version": one.version, "sha256": sums[f"programs/{one.name}"]}
            for one in sorted(contents.programs, key=lambda one: one.name)
        ],
        "images": [
            {"name": one.archive.name, "reference": one.archive.reference, "sha256": one.archive.sha256}
            for one in sorted(contents.images, key=lambda one: one.archive.name)
        ],
        "packages": [
            {
                "name": one.name,
                "version": one.version,
                "architecture": one.architecture,
                "file": one.file_name,
                "sha256": sums[f"packages/{one.file_name}"],
            }
            for one in contents.packages
        ],
    }
