"""Images: what they hold is complete, addressed by its content, and the same wherever it is made."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from province.errors import ProvinceError
from province.toolchain import archive, build, elf, go, pins
from province.toolchain.images import PLATFORM
from province.toolchain.images import image as make_image

MACHINE = Path("/")


def content(folder: Path) -> archive.Content:
    folder.mkdir()
    program = folder / "program"
    program.write_bytes(b"\x7fELF and so on")
    return archive.Content({"/usr/bin/program": program, "/echo": program}, ("/echo", "-v"), "65532", "amd64")


def blobs(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as tar:
        return {entry.name: read(tar, entry) for entry in tar.getmembers()}


def read(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    data = tar.extractfile(entry)
    assert data is not None
    return data.read()


def blob(parts: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    data = parts[f"blobs/{descriptor['digest'].replace(':', '/')}"]
    assert len(data) == descriptor["size"]
    return data


@pytest.fixture
def image(tmp_path: Path) -> tuple[str, dict[str, bytes]]:
    digest = archive.write(tmp_path / "image.tar", "province.internal/echo:1", content(tmp_path / "in"))
    return digest, blobs(tmp_path / "image.tar")


def test_the_same_content_gives_the_same_file(tmp_path: Path) -> None:
    first = archive.write(tmp_path / "a.tar", "r/echo:1", content(tmp_path / "a"))
    later = content(tmp_path / "b")
    os.utime(tmp_path / "b" / "program", (0, 0))
    assert archive.write(tmp_path / "b.tar", "r/echo:1", later) == first
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    (tmp_path / "b" / "program").write_bytes(b"other")
    assert archive.write(tmp_path / "c.tar", "r/echo:1", later) != first


def test_every_part_is_named_by_its_content(image: tuple[str, dict[str, bytes]]) -> None:
    digest, parts = image
    for name, data in parts.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{hashlib.sha256(data).hexdigest()}"
    (described,) = json.loads(parts["index.json"])["manifests"]
    assert described["digest"] == digest
    assert described["annotations"]["io.containerd.image.name"] == "province.internal/echo:1"


def test_the_manifest_leads_to_the_programs_and_how_they_start(image: tuple[str, dict[str, bytes]]) -> None:
    _, parts = image
    (described,) = json.loads(parts["index.json"])["manifests"]
    manifest = json.loads(blob(parts, described))
    config = json.loads(blob(parts, manifest["config"]))
    layer = blob(parts, manifest["layers"][0])
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert config["config"]["Entrypoint"] == ["/echo", "-v"]
    assert config["config"]["User"] == "65532"
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        modes = {entry.name: (entry.mode, entry.uid, entry.mtime) for entry in tar.getmembers()}
    assert modes == {
        "tmp": (0o1777, 0, 0),
        "usr": (0o755, 0, 0),
        "usr/bin": (0o755, 0, 0),
        "usr/bin/program": (0o755, 0, 0),
        "echo": (0o755, 0, 0),
    }


def test_docker_finds_the_same_image(image: tuple[str, dict[str, bytes]]) -> None:
    _, parts = image
    (described,) = json.loads(parts["manifest.json"])
    assert described["RepoTags"] == ["province.internal/echo:1"]
    assert json.loads(parts[described["Config"]])["os"] == "linux"
    assert all(layer in parts for layer in described["Layers"])


def test_the_libraries_of_a_program_are_those_that_the_loader_finds() -> None:
    program = "/usr/bin/ssh"
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.split("\n")
    expected = {Path(line.split()[0]).name for line in listed if line and "vdso" not in line}
    found = elf.closure(MACHINE, program)
    assert {Path(path).name for path in found} == expected | {"ssh"}
    assert all(file.is_file() and not file.is_symlink() for file in found.values())


def test_links_of_a_tree_stay_inside_it(tmp_path: Path) -> None:
    (tmp_path / "usr" / "bin").mkdir(parents=True)
    (tmp_path / "usr" / "bin" / "real").write_text("inside")
    (tmp_path / "bin").symlink_to("/usr/bin")
    (tmp_path / "usr" / "bin" / "tool").symlink_to("../../../../../usr/bin/real")
    assert elf.in_tree(tmp_path, "/bin/tool").read_text() == "inside"

    (tmp_path / "usr" / "bin" / "loop").symlink_to("loop")
    for missing in ("/bin/loop", "/bin/nothing", "/bin"):
        with pytest.raises(ProvinceError, match=f"{missing} is missing in the Debian tree {tmp_path}"):
            elf.in_tree(tmp_path, missing)


def test_a_script_is_no_program(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    with pytest.raises(ProvinceError, match="is not a 64-bit program"):
        elf.closure(tmp_path, "/tool")


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    (tmp_path / "ssh").write_bytes(Path("/usr/bin/ssh").read_bytes())
    loader = elf.read(Path("/usr/bin/ssh")).interpreter
    assert loader is not None
    place = tmp_path / loader.lstrip("/")
    place.parent.mkdir()
    place.write_bytes(Path(loader).read_bytes())
    with pytest.raises(ProvinceError, match=rf"the library \S+ is missing in the Debian tree {tmp_path}"):
        elf.closure(tmp_path, "/ssh")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a Debian tree that holds a pause program (here: this machine's `true`, with what it needs)."""
    monkeypatch.setenv("PROVINCE_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "root"
    for path, file in elf.closure(MACHINE, "/usr/bin/true").items():
        place = root / ("usr/bin/catatonit" if path == "/usr/bin/true" else path.lstrip("/"))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.read_bytes())
    return root


def test_an_image_of_a_debian_program_brings_its_libraries(tree: Path) -> None:
    made = make_image("pause", tree)
    assert made.reference == f"{pins.load().tagged('pause')}@{made.digest}"
    assert made.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()
    parts = blobs(made.path)
    manifest = json.loads(parts[f"blobs/{made.digest.replace(':', '/')}"])
    with tarfile.open(fileobj=io.BytesIO(blob(parts, manifest["layers"][0]))) as tar:
        names = {Path(name).name for name in tar.getnames()}
    assert {"pause", "libc.so.6"} <= names
    assert "catatonit" not in names


def test_an_image_is_made_again_only_when_a_program_changed(tree: Path) -> None:
    first = make_image("pause", tree)
    stamp = first.path.stat().st_mtime_ns
    assert make_image("pause", tree) == first
    assert first.path.stat().st_mtime_ns == stamp
    with (tree / "usr/bin/catatonit").open("ab") as program:
        program.write(b"\0")
    assert make_image("pause", tree).digest != first.digest


def test_a_tree_without_the_program_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ProvinceError, match="/usr/bin/catatonit is missing in the Debian tree"):
        make_image("pause", tmp_path)


def test_an_image_of_our_programs_that_is_not_the_recorded_one_is_refused(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that was tampered with in the cache, or other flags: found before a registry has it."""
    program = tmp_path / "echo" / "echo"
    program.parent.mkdir()
    program.write_bytes(b"not the program that was recorded")
    program.with_name("sha256").write_text(hashlib.sha256(program.read_bytes()).hexdigest())
    monkeypatch.setattr(build, "built", lambda _: program)
    monkeypatch.setattr(go, "host_platform", lambda: PLATFORM)
    with pytest.raises(ProvinceError, match=r"echo:1\.0\.0: the image is not the recorded one") as caught:
        make_image("echo", tree)
    assert f"sha256:{pins.load().images.digests['echo']}" in caught.value.message
