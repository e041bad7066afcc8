"""Runs on a node while it is upgraded: documents for its queue and lines for its log, until it is told to stop.

Each document is published by one id until the queue has taken it, as a program of an office would. What the last number
was is printed.
"""

import importlib.machinery
import json
import os
import sys
import syslog
import time
from pathlib import Path
from typing import Any

DOMAIN, STOP = sys.argv[1:]
os.environ["CREDENTIALS_DIRECTORY"] = "/etc/ssl/province"


def publish(number: int) -> None:
    """One try, on a connection of its own and by the code that is there now: both may be new."""
    relay: Any = importlib.machinery.SourceFileLoader("relay", "/usr/local/lib/province/relay").load_module()
    plan = json.loads(Path(f"/etc/relay/{DOMAIN}.json").read_text(encoding="utf-8"))
    server = relay.Server(plan)
    subject = plan["streams"][0]["subjects"][0].replace(">", "upgrade")
    heads, body = f"NATS/1.0\r\nNats-Msg-Id: upgrade-{number}\r\n\r\n".encode(), str(number).encode()
    back = f"{server.inbox}.{number}"
    words = f"HPUB {subject} {back} {len(heads)} {len(heads) + len(body)}\r\n".encode()
    server.wire.sendall(words + heads + body + b"\r\n")
    server.answered(subject, back)
    server.wire.close()


number = 0
while not Path(STOP).exists():
    number += 1
    while True:
        try:
            publish(number)
            break
        except Exception as error:  # noqa: BLE001 - whatever an upgrade does to a server, the office tries again
            print(f"{number}: {error!r}", file=sys.stderr)
            time.sleep(1)
    syslog.syslog(f"upgrade-{number:06d}")
    time.sleep(0.3)
print(number)
