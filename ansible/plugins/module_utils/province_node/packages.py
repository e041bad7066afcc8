"""Packages: what is missing is installed, from the declared source and from nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .node import Node, Trouble

STATUS = "/var/lib/dpkg/status"
SOURCES = "/etc/apt/sources.list.d/"
INSTALLED = "install ok installed"
KEEP_OURS = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")


def missing(node: Node, wanted: Iterable[str]) -> list[str]:
    """The wanted packages that are not installed."""
    there = set()
    name = ""
    for line in node.read(STATUS).splitlines():
        if line.startswith("Package: "):
            name = line[len("Package: ") :]
        elif line.startswith("Status: ") and line.endswith(INSTALLED):
            there.add(name)
    return [one for one in wanted if one not in there]


def is_source(path: str) -> bool:
    """Whether a managed file has to be in place before packages can be installed."""
    return path.startswith("/etc/apt/")


def install(node: Node, names: Sequence[str], managed: Iterable[str]) -> None:
    """Install packages; `managed` are the manifest's files, of which one is the declared source."""
    declared = [path for path in managed if path.startswith(SOURCES)]
    only = [
        option
        for source in declared[:1]
        for option in ("-o", f"Dir::Etc::SourceList={source}", "-o", "Dir::Etc::SourceParts=/dev/null")
    ]
    where = f"the source that {declared[0]} declares" if declared else "the host's package sources"
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    update = node.try_run(["apt-get", "-q", *only, "-o", "APT::Update::Error-Mode=any", "update"], **quiet)
    if update.code:
        raise Trouble(f"{where} does not answer, or not with a signature we trust:\n{update.tail}")
    options = ["--no-install-recommends", "--yes", *KEEP_OURS]
    done = node.try_run(["apt-get", "-q", *only, "install", *options, *names], **quiet)
    if done.code:
        raise Trouble(f"{' '.join(names)} could not be installed from {where}:\n{done.tail}")
