"""Images with files of Debian's: the tree is whole, it says whose each file is, and a recipe takes its part."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from province.bundle.contents import owners
from province.lab import mirror
from province.toolchain import archive, debian
from province.toolchain.images import Recipe, contents

STEPS = ["base-files", "libthing"]


def package(folder: Path, name: str, *files: str, more: str = "") -> Path:
    """A Debian package with some files, made by Debian's own program."""
    tree = folder / name
    (tree / "DEBIAN").mkdir(parents=True)
    control = f"Package: {name}\nVersion: 1\nArchitecture: amd64\nMaintainer: nobody\n{more}Description: one\n"
    (tree / "DEBIAN/control").write_text(control)
    for file in files:
        place = tree / file.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{name} {file}")
    made = folder / f"{name}_1_amd64.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, made], check=True, capture_output=True)
    return made


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of two packages."""

    def download(place: Path, _tree: Path, packages: tuple[str, ...], _suite: str) -> None:
        assert packages == tuple(STEPS)
        package(place, "base-files", "/usr/share/base", "/etc/issue")
        package(place, "libthing", "/usr/share/thing/a", "/usr/share/thing/deep/b", more="Multi-Arch: same\n")

    monkeypatch.setenv("PROVINCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mirror, "download", download)
    monkeypatch.setattr("province.lab.requirements.install_programs", lambda: None)
    return debian.tree(["libthing"])


def test_a_tree_says_of_every_file_whose_it_is(tree: Path) -> None:
    (one,) = owners(tree, [tree / "usr/share/thing/deep/b"])
    assert (one.name, one.version, one.architecture) == ("libthing", "1", "amd64")
    assert {one.name for one in owners(tree, [tree / "etc/issue", tree / "usr/share/thing/a"])} == set(STEPS)


def test_a_recipe_takes_a_folder_without_what_it_leaves_out(tree: Path, tmp_path: Path) -> None:
    recipe = Recipe(
        entrypoint=("/x",),
        packages=("libthing",),
        folders={"/data": "/usr/share/thing"},
        left_out=("*/deep/*",),
    )
    assert recipe.follows_debian
    assert contents(recipe, tmp_path / "another").files == {"/data/a": tree / "usr/share/thing/a"}


def test_a_link_is_a_second_name_and_no_second_copy(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"once")
    content = archive.Content({"/operator/it": program}, ("/it",), "", "amd64", {"/bin/it": "/operator/it"})
    archive.write(tmp_path / "image.tar", "r/it:1", content)
    with tarfile.open(tmp_path / "image.tar") as image:
        (name,) = json.load(image.extractfile("manifest.json") or io.BytesIO())[0]["Layers"]
        with tarfile.open(fileobj=image.extractfile(name)) as layer:
            found = {one.name: one.linkname for one in layer.getmembers() if not one.isdir()}
    assert found == {"operator/it": "", "bin/it": "/operator/it"}
