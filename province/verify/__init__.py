"""Host verification: tests over SSH, evidence that can be filed, reports that can be read."""
