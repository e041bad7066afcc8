"""One verb of kubectl on a site's cluster, as its administrator: what it is given and says is kept nowhere."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from province.errors import ExitCode, ProvinceError
from province.fleet.site import Site
from province.ops.workplace import Workplace


def kubectl(work: Workplace, site: Site, words: Sequence[str], *, stdin: str = "", lost: str, hint: str) -> str:
    """What it prints. Raises ProvinceError, which begins with what was lost by its failure."""
    access = work.private / "kubeconfigs" / f"{site.id}.yml"
    done = subprocess.run(
        work.words(["kubectl", "--kubeconfig", str(access), "--request-timeout=20s", *words]),
        cwd=work.checkout,
        env=work.variables(),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ProvinceError(f"{lost}: {done.stderr.strip()}", hint=hint, exit_code=ExitCode.UNREACHABLE)
    return done.stdout
