"""Write a container image as one tar file, byte for byte the same from the same content.

The file is an OCI image layout (image-spec 1.0) and carries Docker's ``manifest.json`` too, so that
containerd, Docker, Podman and skopeo all read it. With a layout the manifest, and so its digest, is ours and
not the reader's.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

# Where kubeadm's manifests look for the programs they name without a path.
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_OCI = "application/vnd.oci.image"


@dataclass(frozen=True)
class Content:
    """What an image holds and starts: absolute path in the image → program, and how it is run.

    `user` is numeric ("65532" or "65532:65532"); empty means root. `architecture` is Go's word for it. `links` are
    symbolic links: absolute path in the image → the path that it leads to.
    """

    files: Mapping[str, Path]
    entrypoint: tuple[str, ...]
    user: str
    architecture: str
    links: Mapping[str, str] = field(default_factory=dict)


def write(target: Path, reference: str, content: Content) -> str:
    """Write the image to `target` under the name `reference`; return the digest of its manifest."""
    with tempfile.TemporaryFile(dir=target.parent) as layer:
        _write_layer(layer, content)
        size = layer.tell()
        layer.seek(0)
        layer_digest = hashlib.file_digest(layer, "sha256").hexdigest()
        layer.seek(0)
        config = _json(_config(content, layer_digest))
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": f"{_OCI}.manifest.v1+json",
                "config": _descriptor(f"{_OCI}.config.v1+json", config),
                "layers": [
                    {
                        "mediaType": f"{_OCI}.layer.v1.tar",
                        "digest": f"sha256:{layer_digest}",
                        "size": size,
                    }
                ],
            }
        )
        with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as tar:
            for name, data in _documents(reference, content, config, manifest, layer_digest).items():
                _add(tar, name, len(data), io.BytesIO(data), 0o644)
            _add(tar, _blob(layer_digest), size, layer, 0o644)
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


def _documents(reference: str, content: Content, config: bytes, manifest: bytes, layer: str) -> dict[str, bytes]:
    """Return everything in the file but the layer, by name."""
    described = {
        **_descriptor(f"{_OCI}.manifest.v1+json", manifest),
        "platform": {"architecture": content.architecture, "os": "linux"},
        "annotations": {
            "io.containerd.image.name": reference,
            "org.opencontainers.image.ref.name": reference.rpartition(":")[2],
        },
    }
    config_blob = _blob(hashlib.sha256(config).hexdigest())
    docker = [{"Config": config_blob, "RepoTags": [reference], "Layers": [_blob(layer)]}]
    return {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json({"schemaVersion": 2, "mediaType": f"{_OCI}.index.v1+json", "manifests": [described]}),
        "manifest.json": _json(docker),
        _blob(hashlib.sha256(manifest).hexdigest()): manifest,
        config_blob: config,
    }


def _config(content: Content, layer_digest: str) -> dict[str, Any]:
    return {
        "architecture": content.architecture,
        "os": "linux",
        "config": {"User": content.user, "Env": [_PATH], "Entrypoint": list(content.entrypoint)},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
    }


def _write_layer(target: IO[bytes], content: Content) -> None:
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for folder in _folders([*content.files, *content.links]):
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            entry.mode = 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        for path, source in sorted(content.files.items()):
            with source.open("rb") as data:
                _add(tar, path.lstrip("/"), source.stat().st_size, data, 0o755)
        for path, leads_to in sorted(content.links.items()):
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.type = tarfile.SYMTYPE
            entry.linkname = leads_to
            entry.mode = 0o777
            tar.addfile(entry)


def _folders(files: Iterable[str]) -> list[str]:
    """Return all folders above the files, parents first, and /tmp, which programs expect."""
    above = {str(parent) for path in files for parent in PurePosixPath(path.lstrip("/")).parents if parent.name}
    return sorted(above | {"tmp"})


def _add(tar: tarfile.TarFile, name: str, size: int, data: IO[bytes], mode: int) -> None:
    """Add a file of root with no date: what differs between two machines stays out."""
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = mode
    tar.addfile(entry, data)


def _descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    return {
        "mediaType": media_type,
        "digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
        "size": len(data),
    }


def _blob(digest: str) -> str:
    return f"blobs/sha256/{digest}"


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
