"""Pulumi's language host for Python, for a Pulumi CLI that was built without the official one.

The engine starts a language host for each program and talks to it over gRPC (pulumirpc.LanguageRuntime). The
official host is a Go program that no registry offers; this one serves what `preview`, `up`, `refresh`,
`destroy`, `about` and policy packs use. It runs the program in its own interpreter, so the packages are those
of the environment it was started from.

``lifeline`` ends the process with the engine, ``program`` runs a program, ``plugin`` runs policy packs,
``packages`` knows what is installed, ``service`` puts them behind the protocol.
"""
