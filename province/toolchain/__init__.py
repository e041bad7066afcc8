"""The programs and images that the lab and the clusters need, from pins to files.

``binary`` gives one program, ``build_all`` several. What is there already costs nothing; what is missing is built once
and kept in the cache. Images are apart, in ``images``: every program that Pulumi starts imports this package.
"""

from province.toolchain.build import binary, build_all

__all__ = ["binary", "build_all"]
