"""What a way of moving a database can do; one class for each method, the same steps for all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from province.migration.postgresql.server import Server

if TYPE_CHECKING:
    from province.migration.postgresql.rehearsal import Course


class Way(Protocol):
    """A move of one database: each step changes nothing where it was done already."""

    @property
    def source(self) -> Server:
        """The old database."""
        ...

    @property
    def target(self) -> Server:
        """The new one."""
        ...

    @property
    def notes(self) -> Server:
        """The database that carries the note about the move."""
        ...

    def between(self, source: Server, target: Server) -> Self:
        """The same way between two other databases, such as copies of these."""
        ...

    def obstacles(self) -> tuple[str, ...]:
        """What this way cannot carry over, by name."""
        ...

    def provision(self) -> None:
        """Make the room for its data, which refuses writes from the first moment."""
        ...

    def replicate(self) -> None:
        """Begin to copy, where this way copies before the freeze."""
        ...

    def follows(self) -> bool:
        """Whether that is done."""
        ...

    def lag(self) -> int | None:
        """Bytes that are not over yet; None when nobody can tell."""
        ...

    def freeze(self) -> None:
        """Refuse writes on the old side, and bring the rest over."""
        ...

    def frozen(self) -> bool:
        """Whether that is done."""
        ...

    def cut_over(self) -> None:
        """Let writes in on the new side."""
        ...

    def flows_back(self) -> bool | None:
        """Whether what the new side takes reaches the old one; None when this way has no stream back."""
        ...

    def roll_back(self) -> None:
        """Let writes in on the old side again."""
        ...

    def rehearse(self, file: Path) -> Course:
        """Carry the move out on copies, there and back; `file` keeps a dump of the old side."""
        ...

    def let_go(self) -> None:
        """Take every stream away, before the old side is wiped; nothing where that was done."""
        ...
