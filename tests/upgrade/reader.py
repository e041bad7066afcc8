"""Runs on a hub: the documents of the writer that it has of a node, in its order, as a list of JSON."""

import base64
import importlib.machinery
import json
import os
import sys
from pathlib import Path
from typing import Any

DOMAIN, NODE = sys.argv[1:]
os.environ["CREDENTIALS_DIRECTORY"] = "/etc/ssl/province"
relay: Any = importlib.machinery.SourceFileLoader("relay", "/usr/local/lib/province/relay").load_module()
server = relay.Server(json.loads(Path(f"/etc/relay/{DOMAIN}.json").read_text(encoding="utf-8")))
bodies: list[int] = []
at = 1
while True:
    asked = {"seq": at, "next_by_subj": "relay.*.upgrade"}
    try:
        message = server.ask(f"$JS.API.STREAM.MSG.GET.{NODE}", asked)["message"]
    except relay.Refused:
        break
    bodies.append(int(base64.b64decode(message["data"])))
    at = message["seq"] + 1
print(json.dumps(bodies))
