"""The programs and images that the lab and the clusters need, from pins to files.

``binary`` gives one program, ``build_all`` several, ``images`` the container images; ``reference`` says what
an image is called. What is there already costs nothing; what is missing is built once and kept in the cache.
"""

from province.toolchain.build import binary, build_all
from province.toolchain.images import ImageArchive, images, reference

__all__ = ["ImageArchive", "binary", "build_all", "images", "reference"]
