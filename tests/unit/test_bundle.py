"""The air-gap bundle: the same contents give the same folder, and a folder that was touched is refused by name."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from typer.testing import CliRunner

from province.bundle import folder
from province.bundle.contents import Contents, Image, Program, licences, owners, read_packages
from province.bundle.sums import SUMS, Fault, checksum, faults
from province.cli import app
from province.errors import ExitCode, ProvinceError
from province.lab.deb import Deb, make_deb
from province.lab.provision import bundled_goods
from province.toolchain import go, lock, pins
from province.toolchain.images import ImageArchive

COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: Expat

License: GPL-2+
 On Debian systems, see /usr/share/common-licenses/GPL-2.
"""
MACHINE = Path("/")


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    """A small bundle: a program of Go, a package, and an image made of the program and of Debian's parts."""
    place = tmp_path_factory.mktemp("contents")
    archive = place / "echo.tar"
    archive.write_bytes(b"an image")
    copyright_file = place / "copyright"
    copyright_file.write_text(COPYRIGHT, encoding="utf-8")
    tool = Deb(
        name="tool",
        version="1:2.0-1",
        files={"usr/share/doc/tool/copyright": (copyright_file, 0o644)},
        maintainer="Nobody <nobody@invalid>",
        description="a tool",
        architecture="all",
    )
    packages = place / "packages"
    packages.mkdir()
    make_deb(packages, tool)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    image = ImageArchive(
        name="echo", path=archive, tagged="province.internal/echo:1", digest=f"sha256:{'a' * 64}", sha256=digest
    )
    compiler = go.locate(pins.load().go.version)
    root = subprocess.run([compiler, "env", "GOROOT"], capture_output=True, text=True, check=True).stdout.strip()
    return Contents(
        platform="linux-amd64",
        programs=(Program("go", pins.load().go.version, Path(root) / "bin" / "go"),),
        images=(Image(image, programs=("go",), packages=owners(MACHINE, [Path("/usr/bin/dpkg")])),),
        packages=read_packages(packages.glob("*.deb")),
    )


@pytest.fixture
def bundle(contents: Contents, tmp_path: Path) -> Path:
    folder.make(tmp_path / "bundle", contents)
    return tmp_path / "bundle"


def all_bytes(place: Path) -> dict[str, bytes]:
    return {str(file.relative_to(place)): file.read_bytes() for file in place.rglob("*") if file.is_file()}


def test_two_bundles_of_the_same_contents_are_equal(contents: Contents, bundle: Path, tmp_path: Path) -> None:
    reordered = replace(contents, packages=tuple(reversed(contents.packages)))
    assert folder.make(tmp_path / "second", reordered) == checksum(bundle / SUMS)
    assert all_bytes(tmp_path / "second") == all_bytes(bundle)


def test_a_bundle_as_it_was_made_is_faultless(bundle: Path) -> None:
    assert faults(bundle) == []
    listed = json.loads((bundle / folder.LIST).read_text(encoding="utf-8"))
    assert [(one["name"], one["version"], one["file"]) for one in listed["packages"]] == [
        ("tool", "1:2.0-1", "tool_2.0-1_all.deb")
    ]


def test_a_site_without_this_repository_can_check_it(bundle: Path) -> None:
    done = subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=bundle, capture_output=True, check=False)
    assert done.returncode == 0


def test_one_altered_byte_is_refused_by_the_name_of_its_file(bundle: Path) -> None:
    file = bundle / "images/echo.tar"
    file.write_bytes(b"An image")
    (fault,) = faults(bundle)
    assert fault.file == "images/echo.tar"
    done = CliRunner().invoke(app, ["bundle", "verify", str(bundle)])
    assert done.exit_code == ExitCode.FAILED
    assert done.output.startswith("images/echo.tar: has the checksum ")


def test_a_missing_and_an_added_file_are_named(bundle: Path) -> None:
    (bundle / "packages/tool_2.0-1_all.deb").unlink()
    (bundle / "packages/other_1_all.deb").write_bytes(b"")
    (bundle / "programs/link").symlink_to("go")
    assert faults(bundle) == [
        Fault("packages/other_1_all.deb", "is not in SHA256SUMS"),
        Fault("packages/tool_2.0-1_all.deb", "is missing"),
        Fault("programs/link", "is not in SHA256SUMS"),
    ]


def test_a_list_that_leads_outside_is_refused(bundle: Path) -> None:
    with (bundle / SUMS).open("a", encoding="utf-8") as sums:
        sums.write(f"{'0' * 64}  ../outside\n")
    with pytest.raises(ProvinceError, match=r"\.\./outside' is no checksum of a file in it"):
        faults(bundle)


@pytest.mark.parametrize("end", [b"", b"\r", b"\x0b"])
def test_a_list_whose_last_line_was_cut_is_refused(bundle: Path, end: bytes) -> None:
    """Bytes that other readers take for the end of a line are changes, too."""
    (bundle / SUMS).write_bytes((bundle / SUMS).read_bytes()[:-1] + end)
    with pytest.raises(ProvinceError, match="does not end with a line feed"):
        faults(bundle)


def test_what_is_no_bundle_and_what_is_in_use_are_explained(bundle: Path, contents: Contents, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProvinceError, match="is no bundle: it has no SHA256SUMS"):
        faults(tmp_path / "empty")
    with pytest.raises(ProvinceError, match="is not empty"):
        folder.make(bundle, contents)


def test_the_bill_of_materials_fits_the_schema_of_its_format(bundle: Path) -> None:
    text = (bundle / folder.MATERIALS).read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_the_bill_leads_from_an_image_to_modules_and_packages(bundle: Path) -> None:
    bill = json.loads((bundle / folder.MATERIALS).read_text(encoding="utf-8"))
    parts = {one["bom-ref"]: one for one in bill["components"]}
    depends = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
    image = next(name for name in parts if name.startswith("pkg:oci/echo@sha256%3Aaaa"))
    program, dpkg = sorted(depends[image], reverse=True)
    assert program.startswith("pkg:golang/cmd/go@")
    assert dpkg.startswith("pkg:deb/debian/dpkg@")
    assert f"pkg:golang/std@{pins.load().go.version}" in depends[program]
    tool = parts["pkg:deb/debian/tool@1%3A2.0-1?arch=all&distro=debian-13"]
    assert tool["licenses"] == [{"license": {"name": "Expat"}}, {"license": {"name": "GPL-2+"}}]
    assert {part for name in depends for part in depends[name]} <= set(parts)


def test_the_lab_serves_hosts_from_a_bundle_alone(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "FILE", bundle.parent / "images.json")
    served = bundled_goods(bundle)
    assert served.packages == ()
    assert served.debs == (bundle / "packages/tool_2.0-1_all.deb",)
    (image,) = served.archives
    assert (image.path, image.reference) == (bundle / "images/echo.tar", f"province.internal/echo:1@sha256:{'a' * 64}")
    assert lock.read()["echo"].digest == "a" * 64
    image.path.unlink()
    with pytest.raises(ProvinceError, match=r"images/echo\.tar: is missing"):
        bundled_goods(bundle)


def test_a_copyright_file_in_free_text_names_no_licence() -> None:
    assert licences("This package was debianised by hand.\nLicense: perhaps\n") == ()
