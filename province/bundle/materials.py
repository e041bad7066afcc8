"""A bundle's bill of materials in the CycloneDX format, version 1.6 (ECMA-424): what is in it, made of what.

Components are named by package URL (purl): programs and Go modules `pkg:golang`, Debian packages `pkg:deb`, images
`pkg:oci`. Licences are those that Debian's copyright files name, in Debian's words; of Go modules none is known.
There is neither time nor random number in it: the same bundle has the same bill.
"""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from province.bundle.contents import Contents, DebianPackage, Image, Program
from province.errors import ExitCode, ProvinceError
from province.toolchain import go, pins

Component = dict[str, Any]
DISTRIBUTION = "debian-13"
OUR_MODULES = "province.local/"
OUR_LICENCE = "Apache-2.0"


def bill_of_materials(contents: Contents, sums: Mapping[str, str]) -> dict[str, Any]:
    """The bill for a bundle; `sums` are the checksums of its files by place."""
    components: dict[str, Component] = {}
    made_of: dict[str, set[str]] = {}
    programs: dict[str, str] = {}
    for program in contents.programs:
        component, modules = _program(program, sums[f"programs/{program.name}"])
        programs[program.name] = _add(components, component)
        made_of[programs[program.name]] = {_add(components, module) for module in modules}
    for package in contents.packages:
        _add(components, _package(package, sums.get(f"packages/{package.file_name}")))
    for image in contents.images:
        name = _add(components, _image(image, sums[f"images/{image.archive.name}.tar"]))
        made_of[name] = {programs[one] for one in image.programs if one in programs}
        made_of[name] |= {_add(components, _package(one, None)) for one in image.packages}
    parts = [components[name] for name in sorted(components)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(parts, sort_keys=True))}",
        "version": 1,
        "metadata": {"component": {"type": "platform", "bom-ref": "bundle", "name": "province-bundle"}},
        "components": parts,
        "dependencies": [
            {"ref": "bundle", "dependsOn": sorted({*programs.values(), *_tops(components)})},
            *({"ref": name, "dependsOn": sorted(parts)} for name, parts in sorted(made_of.items())),
        ],
    }


def _add(components: dict[str, Component], component: Component) -> str:
    """Take a component in, once; the first one, which knows its file's checksum, stays."""
    components.setdefault(component["bom-ref"], component)
    return str(component["bom-ref"])


def _tops(components: Mapping[str, Component]) -> Iterable[str]:
    """What lies in the bundle as a file."""
    return (name for name, one in components.items() if "hashes" in one)


def _program(program: Program, digest: str) -> tuple[Component, list[Component]]:
    """A program and the modules that its compiler built in, as the file itself says."""
    said = _build_information(program.file)
    module = said.get("Main") or {"Path": said["Path"]}
    path = str(said["Path"]).removeprefix(str(module["Path"])).strip("/")
    purl = _golang(str(module["Path"]), program.version) + (f"#{quote(path)}" if path else "")
    component = _component("application", program.name, program.version, purl, digest)
    if str(module["Path"]).startswith(OUR_MODULES):
        component["licenses"] = [{"license": {"id": OUR_LICENCE}}]
    modules = [_module(one.get("Replace") or one) for one in said.get("Deps", [])]
    standard = str(said["GoVersion"]).removeprefix("go").split(" ")[0]
    return component, [*modules, _component("library", "std", standard, _golang("std", standard))]


def _module(module: Mapping[str, str]) -> Component:
    path, version = module["Path"], module.get("Version", "")
    component = _component("library", path, version, _golang(path, version))
    if "Sum" in module:
        component["properties"] = [{"name": "go:sum", "value": module["Sum"]}]
    return component


def _image(image: Image, digest: str) -> Component:
    archive = image.archive
    tag = archive.tagged.rpartition(":")[2]
    repository = archive.tagged.rpartition(":")[0]
    purl = (
        f"pkg:oci/{archive.name}@{quote(archive.digest)}?repository_url={quote(repository, safe='')}&tag={quote(tag)}"
    )
    return _component("container", archive.name, archive.digest, purl, digest)


def _package(package: DebianPackage, digest: str | None) -> Component:
    version = quote(package.version, safe="~")
    qualifiers = f"arch={package.architecture}&distro={DISTRIBUTION}"
    purl = f"pkg:deb/{package.vendor}/{quote(package.name)}@{version}?{qualifiers}"
    component = _component("library", package.name, package.version, purl, digest)
    if package.licences:
        component["licenses"] = [{"license": {"name": name}} for name in package.licences]
    if package.homepage:
        component["externalReferences"] = [{"type": "website", "url": package.homepage}]
    return component


def _component(kind: str, name: str, version: str, purl: str, digest: str | None = None) -> Component:
    component: Component = {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}
    if digest:
        component["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return component


def _golang(path: str, version: str) -> str:
    """The package URL of a module; its type wants lower case (purl specification, golang)."""
    at = f"@{quote(version, safe='')}" if version else ""
    return f"pkg:golang/{quote(path.lower())}{at}"


def _build_information(program: Path) -> dict[str, Any]:
    compiler = go.locate(pins.load().go.version)
    words = [str(compiler), "version", "-m", "-json", str(program)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ProvinceError(f"{program} does not say what it was built of: {done.stderr}", exit_code=ExitCode.MACHINE)
    said: dict[str, Any] = json.loads(done.stdout)
    return said
