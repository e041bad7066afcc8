"""`python -m bench.scale`: write `docs/scale.md` again, after a benchmark or a fact has changed."""

from __future__ import annotations

from bench.scale.national import Assumptions
from bench.scale.page import CHECKOUT, PAGE, read_facts, read_results, read_waves, scale_page

(CHECKOUT / PAGE).write_text(scale_page(read_results(), read_waves(), read_facts(), Assumptions()), encoding="utf-8")
