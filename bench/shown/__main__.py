"""`python -m bench.shown`: write `docs/benchmarks.md` and the READMEs' tables again, after a benchmark has run."""

from __future__ import annotations

from bench.shown.page import CHECKOUT, PAGE, benchmark_page
from bench.shown.readme import READMES, with_table
from bench.shown.results import read_results

RESULTS = read_results()
(CHECKOUT / PAGE).write_text(benchmark_page(RESULTS), encoding="utf-8")
for name in READMES:
    path = CHECKOUT / name
    path.write_text(with_table(path.read_text(encoding="utf-8"), name, RESULTS), encoding="utf-8")
