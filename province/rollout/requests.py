"""What an operator asks of a run that another process conducts: a file in the run's folder."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from province.rollout.entries import Wish

FILE = "request.json"


@dataclass
class Request:
    """The request file of one run.

    A request that was taken is removed only when it is looked for again: by then it is in the journal, so a controller
    that dies in between forgets nothing.
    """

    folder: Path
    taken: bool = False

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.folder / FILE

    @property
    def there(self) -> bool:
        """Whether something is asked."""
        return self.path.exists()

    def put(self, wish: Wish, who: str) -> None:
        """Ask for something."""
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps({"wish": wish, "who": who}), encoding="utf-8")
        os.replace(draft, self.path)  # noqa: PTH105 - says that it is atomic

    def take(self) -> tuple[Wish, str] | None:
        """What is asked, and by whom; what is not a request is thrown away."""
        if self.taken:
            self.drop()
        try:
            body = json.loads(self.path.read_text(encoding="utf-8"))
            wish, who = body["wish"], str(body["who"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            self.drop()
            return None
        if wish not in get_args(Wish):
            self.drop()
            return None
        self.taken = True
        return wish, who

    def drop(self) -> None:
        """Forget what was asked."""
        self.taken = False
        self.path.unlink(missing_ok=True)
