"""What is known of the last `up` of a stack that ended well: enough to see that a further one has nothing to do.

The note lies with the environment's private files. It is only believed while the backend names the very same last
change of the stack: after anybody else's `up`, `destroy`, `refresh` or restored backup it counts for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from province.errors import ExitCode, ProvinceError
from province.ops.workplace import Workplace


@dataclass(frozen=True)
class Known:
    """A stack as the backend lists it: when it last changed (as the backend writes it), how many resources it holds."""

    changed: str
    resources: int


@dataclass(frozen=True)
class Inputs:
    """What a stack's program would register today (infra/inputs.py)."""

    digest: str
    resources: int
    broken: tuple[str, ...] = ()
    """Violations of rules over cluster objects."""


@dataclass(frozen=True)
class LastUp:
    """The last `up` that ended well: with which inputs, in which cluster, and when, as the backend says."""

    digest: str
    cluster: str
    changed: str
    resources: int


def note_path(work: Workplace, stack: str) -> Path:
    """Where the note of a stack lies."""
    return work.private / "stacks" / f"{stack}.json"


def read(work: Workplace, stack: str) -> LastUp | None:
    """The note of a stack; None when there is none, or one of another form: then `up` is run, and writes it anew."""
    path = note_path(work, stack)
    if not path.is_file():
        return None
    try:
        body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return LastUp(**body)
    except (ValueError, TypeError):
        return None


def write(work: Workplace, stack: str, last: LastUp) -> None:
    """Write down that an `up` ended well."""
    path = note_path(work, stack)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(last), indent=2) + "\n", encoding="utf-8")


def drop(work: Workplace, stack: str) -> None:
    """Forget it, before anything is changed: what is killed half-way must not look finished."""
    note_path(work, stack).unlink(missing_ok=True)


def reason_to_start(now: Inputs, known: Known | None, last: LastUp | None) -> str:
    """Why a stack has to be looked at by Pulumi; empty when nothing can have changed since its last `up`."""
    if known is None or known.resources == 0:
        return "nothing of it stands yet"
    if last is None:
        return "no `up` is on record"
    if last.changed != known.changed:
        return "its state was changed since the last recorded `up`"
    return "" if now.digest == last.digest else "its inputs changed"


def refuse_lost_state(
    work: Workplace, stacks: Mapping[str, LastUp | None], known: Mapping[str, Known], cluster: str
) -> None:
    """Stop when the backend has lost a stack that an `up` left in this very cluster.

    Raises ProvinceError: an `up` on an empty state would take over what stands, but never remove anything again.
    """
    lost = [name for name, last in stacks.items() if last and last.cluster == cluster and name not in known]
    if lost:
        notes = " ".join(str(note_path(work, name)) for name in lost)
        raise ProvinceError(
            f"the backend has no state of {', '.join(lost)}, but objects of it stand in the cluster",
            hint="bring the state back from its backup: pulumi stack init STACK; pulumi stack import --file FILE\n"
            f"  if it is gone for good, let `up` take over what stands: rm {notes}",
            exit_code=ExitCode.FAILED,
        )
