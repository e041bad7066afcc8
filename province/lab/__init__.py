"""The province on one machine: real Debian hosts in containers, wired as the model says."""
