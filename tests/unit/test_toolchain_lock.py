"""Which digest an image is referred to by: the recorded one, or that of the image which Debian's files made here."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.toolchain import lock, pins
from province.toolchain.lock import Made

RECORDED, MADE, OTHER = ("a" * 64, "b" * 64, "c" * 64)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock of this test's own."""
    monkeypatch.setattr(lock, "FILE", tmp_path / "images.json")
    return lock.FILE


def recorded(**digests: str) -> pins.Pins:
    """The pins of this checkout with other digests."""
    known = pins.load()
    return known.model_copy(update={"images": known.images.model_copy(update={"digests": digests})})


def made(digest: str, instead_of: str) -> Made:
    return Made(tag=pins.load().images.tags["pause"], digest=digest, instead_of=instead_of)


def test_a_reference_names_the_recorded_digest(file: Path) -> None:
    assert recorded(pause=RECORDED).reference("pause") == f"province.internal/pause:3.10.2@sha256:{RECORDED}"


def test_what_was_made_here_goes_before_what_is_recorded_until_that_changes(file: Path) -> None:
    lock.write({"pause": made(MADE, RECORDED)})
    assert recorded(pause=RECORDED).reference("pause").endswith(f"@sha256:{MADE}")
    assert recorded(pause=OTHER).reference("pause").endswith(f"@sha256:{OTHER}")


def test_an_image_made_here_needs_no_record(file: Path) -> None:
    with pytest.raises(ProvinceError, match="pause: no digest is recorded for it"):
        recorded().reference("pause")
    lock.write({"pause": made(MADE, "")})
    assert recorded().reference("pause").endswith(f"@sha256:{MADE}")


def test_nothing_of_its_own_leaves_no_lock(file: Path) -> None:
    lock.write({"pause": made(MADE, RECORDED)})
    assert lock.read() == {"pause": made(MADE, RECORDED)}
    lock.write({})
    assert not file.exists()


def test_a_spoilt_lock_is_explained(file: Path) -> None:
    file.write_text('{"pause": {"digest": "short"}}', encoding="utf-8")
    with pytest.raises(ProvinceError, match="is not what the toolchain wrote") as caught:
        recorded(pause=RECORDED).reference("pause")
    assert "province toolchain images" in caught.value.hint
