"""Kubernetes quantities as the API server itself writes them, so that what is declared and what is there look alike."""

from __future__ import annotations

MILLI = 1000
KIBI = 1024


def cpu(millicores: int) -> str:
    """Processor time: whole cores as `4`, else thousandths as `250m`."""
    return f"{millicores}m" if millicores % MILLI else str(millicores // MILLI)


def memory(mib: int) -> str:
    """Memory given in MiB, in the largest unit that divides it: `8Gi`, `128Mi`."""
    units = ["Mi", "Gi", "Ti"]
    while mib % KIBI == 0 and len(units) > 1:
        mib //= KIBI
        units.pop(0)
    return f"{mib}{units[0]}"
