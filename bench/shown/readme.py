"""The READMEs' table of figures: a few rows, between two marks, in the README's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench.shown.results import Results, plain, table
from province.errors import ProvinceError

BEGIN = "<!-- figures: written by `python -m bench.shown` from bench/results -->"
END = "<!-- figures end -->"
WORDS: Mapping[str, Mapping[str, str]] = {
    "README.md": {
        "head": "what | ours | others | see",
        "again": "nothing changed, {hosts} nodes, the same three capabilities",
        "verify": "{checks} checks on {hosts} nodes",
        "freeze": "nobody can write while a database of {mib} MiB moves",
        "dump": "dump and restore",
        "stock": "as shipped",
        "tuned": "tuned",
        "fleet": "whole run over {hosts} hosts, nothing changed: apply, verify, report",
        "year": "one host's year of checks, out of 204 hosts'",
    },
    "README.vi.md": {
        "head": "việc | của chúng tôi | công cụ khác | xem",
        "again": "không có gì thay đổi, {hosts} nút, cùng ba năng lực",
        "verify": "{checks} phép kiểm tra trên {hosts} nút",
        "freeze": "không ai ghi được khi chuyển cơ sở dữ liệu {mib} MiB",
        "dump": "dump rồi restore",
        "stock": "nguyên bản",
        "tuned": "đã tinh chỉnh",
        "fleet": "chạy trọn trên {hosts} máy, không có gì thay đổi: áp dụng, kiểm chứng, báo cáo",
        "year": "một năm kiểm tra của một máy, trong 204 máy",
    },
}
READMES = tuple(WORDS)


def with_table(text: str, name: str, results: Results) -> str:
    """A README with its table as the results have it. ProvinceError when it has no marks."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ProvinceError(f"{name}: no single pair of marks for figures", hint=f"put {BEGIN} and {END} where they go")
    before, rest = text.split(BEGIN)
    words = WORDS[name]
    shown = table(words["head"].split(" | "), _rows(words, results))
    return f"{before}{BEGIN}\n{shown}\n{END}{rest.split(END)[1]}"


def _rows(words: Mapping[str, str], results: Results) -> Iterable[tuple[str, ...]]:
    figures = {name: result["figures"] for name, result in results.items()}
    yield from _fleet(words, figures)
    apply, again = figures["apply"], figures["apply"]["no_change"]
    rivals = f"pyinfra {_s(again['pyinfra'])}, Ansible {words['tuned']} {_s(again['tuned'])}"
    yield words["again"].format(hosts=apply["hosts"]), _s(again["ours"]), rivals, "`bench apply`"
    verify = figures["verify"]
    ways = verify["ways"]
    rivals = f"`ssh://` {words['tuned']} {_s(ways['tuned'])}, {words['stock']} {_s(ways['stock'])}"
    what = words["verify"].format(checks=f"{verify['checks']:,}", hosts=verify["hosts"])
    yield what, _s(ways["ours"]), rivals, "`bench verify`"
    moves = figures["moves"]
    ours, dump = moves["logical replication"], moves["dump and restore"]
    what = words["freeze"].format(mib=plain(ours["database_mib"]))
    yield what, f"{ours['read_only_seconds']} s", f"{words['dump']} {dump['read_only_seconds']} s", "`bench moves`"
    year = figures["evidence"]
    seconds = year["duckdb_parquet"]["questions"]["one host over the year"]["seconds"]
    yield words["year"], f"{plain(seconds)} s", "", "`bench evidence`"


def _fleet(words: Mapping[str, str], figures: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    if fleet := figures.get("fleet"):
        yield words["fleet"].format(hosts=fleet["hosts"]), f"{fleet['whole_run_seconds']} s", "", "`bench fleet`"


def _s(way: Mapping[str, float]) -> str:
    return f"{plain(way['seconds'])} s"
