"""Who sits at this controller, for everything that is written down about a change."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping


def operator(environment: Mapping[str, str] = os.environ) -> str:
    """The person and the machine, `lan@desk`; behind sudo the person who called it."""
    return f"{environment.get('SUDO_USER') or getpass.getuser()}@{socket.gethostname()}"
