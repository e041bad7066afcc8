"""The store that shards share: objects that are written once, in a folder or in anything that speaks S3.

Nothing is ever changed or deleted, so nobody needs a lock: who writes a name first has said it, and who says it again
finds that it is said. A folder and S3 (`If-None-Match: *`) both promise that of two writers one is the first.
"""

from __future__ import annotations

from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from province.errors import ExitCode, ProvinceError


class Store:
    """Objects by name. Errors are ProvinceError with the store's own words; a name that is not there is KeyError."""

    def __init__(self, objects: ObjectStore, shown: str) -> None:
        self._objects = objects
        self.shown = shown

    @classmethod
    def at(cls, where: str) -> Store:
        """The store at a folder's path, or at a URL such as `s3://bucket/run`.

        For S3 the usual variables say how (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, …); no secret is part of the URL.
        """
        if "://" not in where:
            return cls(LocalStore(Path(where).resolve(), mkdir=True), where)
        try:
            return cls(from_url(where), where)
        except (BaseError, ValueError) as error:
            raise ProvinceError(f"{where}: no such store: {error}", exit_code=ExitCode.USAGE) from None

    def put(self, name: str, content: bytes) -> bool:
        """Say something under a name; False when it was said before, whatever it was."""
        try:
            obstore.put(self._objects, name, content, mode="create")
        except AlreadyExistsError:
            return False
        except (BaseError, OSError) as error:
            raise self._trouble(name, error) from None
        return True

    def get(self, name: str) -> bytes:
        """What was said under a name."""
        try:
            return bytes(obstore.get(self._objects, name).bytes())
        except FileNotFoundError:
            raise KeyError(name) from None
        except (BaseError, OSError) as error:
            raise self._trouble(name, error) from None

    def names(self) -> list[str]:
        """All names, sorted."""
        try:
            return sorted(one["path"] for chunk in obstore.list(self._objects) for one in chunk)
        except (BaseError, OSError) as error:
            raise self._trouble("", error) from None

    def _trouble(self, name: str, error: Exception) -> ProvinceError:
        return ProvinceError(f"{self.shown}: {name or 'the list of names'}: {error}", exit_code=ExitCode.UNREACHABLE)
