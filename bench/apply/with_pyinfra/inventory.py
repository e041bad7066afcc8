"""The hosts as pyinfra wants them, from the JSON file that the benchmark writes."""

from __future__ import annotations

import json
import os
from pathlib import Path

hosts = [(name, data) for name, data in json.loads(Path(os.environ["BENCH_HOSTS"]).read_text(encoding="utf-8")).items()]
