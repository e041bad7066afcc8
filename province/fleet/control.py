"""The security controls: what must be true on hosts and clusters, and which clauses ask for it.

`controls.yml` is a list in the order of their numbers. CIS ids are those of the benchmark that the register of
standards names as `cis-debian-13`; an id means nothing without that version, because numbers were reused.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, StringConstraints

from province.fleet.fact import ControlId, Fact, FeatureId, Names, NonBlank
from province.fleet.findings import Finding

CIS_STANDARD = "cis-debian-13"
"""Id of the benchmark in the register of standards."""

EVERY_HOST = "every-host"
"""Short for all classes of hosts in `applies_to`."""


class AppliesTo(StrEnum):
    """What a control is checked on: a class of hosts, the cluster's own objects, or a record of work done."""

    EDGE = "edge"
    GATEWAY = "gateway"
    SERVICES = "services"
    CONTROL_PLANE = "control-plane"
    WORKER = "worker"
    STORAGE = "storage"
    INGRESS = "ingress"
    BASTION = "bastion"
    CLUSTER = "cluster"
    PROCESS = "process"


HOST_CLASSES = tuple(one for one in AppliesTo if one not in {AppliesTo.CLUSTER, AppliesTo.PROCESS})
"""The classes that are hosts one can log in to."""


def _spelled_out(value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        return value
    return [one for item in value for one in (HOST_CLASSES if item == EVERY_HOST else (item,))]


Group11930 = Annotated[str, StringConstraints(pattern=r"^(N\.[1-7]|S\.[1-6]|A\.[1-6]|D\.[1-3])$")]
"""Technical group of TCVN 11930:2017 at level 3: network, server, application, data."""

Clause14423 = Annotated[str, StringConstraints(pattern=r"^5\.\d{1,2}(\.\d)*[a-z]?$")]
"""A clause of TCVN 14423:2026."""

CisItem = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)+(-\d+|\.x)?( \((manual|part)\))?$")]
"""An item of the benchmark, a run of items (`3.3.1.8-11`) or a whole section (`1.1.2.x`).

`(manual)`: the benchmark has no automatic check. `(part)`: same aim by other means.
"""


class Control(Fact):
    """One control: its place in three standards, where it applies, and how its state is read.

    `verified_by` names the command or record that shows the effective state, not a configuration file.
    """

    id: ControlId
    name: Names
    tcvn_11930: Group11930
    tcvn_14423: tuple[Clause14423, ...] = ()
    cis_debian_13: tuple[CisItem, ...] = ()
    applies_to: Annotated[tuple[AppliesTo, ...], BeforeValidator(_spelled_out)]
    verified_by: NonBlank
    features: tuple[FeatureId, ...] = ()

    @property
    def told_by(self) -> frozenset[str]:
        """The classes of hosts that show its state; objects of a cluster are asked for on its control planes."""
        planes = {AppliesTo.CONTROL_PLANE} if AppliesTo.CLUSTER in self.applies_to else set()
        return frozenset(str(one) for one in {*self.applies_to, *planes} if one in HOST_CLASSES)

    @property
    def cis_ids(self) -> tuple[str, ...]:
        """The single items, with runs spelled out and marks left off; a whole section stays as it is."""
        return tuple(id_ for item in self.cis_debian_13 for id_ in _items(item.split(" ")[0]))


def check_controls(controls: Mapping[int, Control], *, standards: Mapping[str, str], file: str) -> list[Finding]:
    """Controls are numbered without gaps, apply somewhere, and quote a benchmark whose version is known.

    `standards` maps ids of the register of standards to versions.
    """
    found = [
        Finding(file, str(number), "", "control is missing", "controls are numbered without gaps: put it back")
        for number in range(1, max(controls, default=0) + 1)
        if number not in controls
    ]
    found += [
        Finding(file, f"{number}.applies_to", "[]", "applies to nothing", "name a class of hosts or `process`")
        for number, control in controls.items()
        if not control.applies_to
    ]
    if CIS_STANDARD not in standards and any(control.cis_debian_13 for control in controls.values()):
        mend = f"add {CIS_STANDARD} with its version to the register of standards"
        found.append(Finding(file, "", "", "CIS ids without a version of the benchmark", mend))
    return found


def _items(item: str) -> tuple[str, ...]:
    first, _, last = item.partition("-")
    if not last:
        return (item,)
    section, _, number = first.rpartition(".")
    return tuple(f"{section}.{one}" for one in range(int(number), int(last) + 1))
