"""Host verification: tests over SSH, evidence that can be filed, reports that can be read."""

from province.verify.marks import control

__all__ = ["control"]
