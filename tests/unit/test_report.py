"""The report's pages: what they say of every host, in both languages, without promising too much."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.verify.evidence import End, EvidenceFile, Record, Run
from province.verify.outcome import Outcome
from province.verify.pages.view import Report
from province.verify.report import build_report

START = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
MADE = START + timedelta(hours=3)


@pytest.fixture(scope="module")
def lab() -> Fleet:
    return load_fleet("lab")


def write_evidence(path: Path, seen: Iterable[tuple[str, str, Outcome]], environment: str = "lab") -> Path:
    run = Run(run="7c1e9a00", environment=environment, started=START, commit="abc123", verifier="ops@desk", hosts=())
    file = EvidenceFile(path, run)
    for host, test, outcome in seen:
        file.add(
            Record(
                run="7c1e9a00",
                time=START,
                host=host,
                test=f"ssh::{test}",
                title="Administrators <act> under their own name",
                subject="ssh",
                controls=(25,),
                outcome=outcome,
                message="" if outcome is Outcome.PASS else "assert 'yes' == 'no' <b>",
                boot="b00t",
                commit="abc123",
                verifier="ops@desk",
            )
        )
    file.close(End(run="7c1e9a00", time=START, checks=file.checks, exit_code=0))
    return path


SEEN = [
    ("phu-quoc-party", "one", Outcome.PASS),
    ("phu-quoc-party", "two", Outcome.PASS),
    ("phu-quoc-people", "one", Outcome.PASS),
    ("phu-quoc-people", "two", Outcome.FAIL),
    ("rach-gia-services-1", "one", Outcome.UNREACHABLE),
    ("rach-gia-gateway-1", "one", Outcome.WAIVED),
    ("tho-chau-party", "one", Outcome.PASS),
]


class Page(HTMLParser):
    """Rows of the tables by their row heading, links, and everything that would be fetched."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.rows: dict[str, str] = {}
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.scopeless = 0
        self.lang = ""
        self._cells: list[str] = []
        self._heading = ""
        self._in_heading = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "html":
            self.lang = values["lang"] or ""
        if tag == "tr":
            self._cells, self._heading = [], ""
        if tag == "th":
            self._in_heading = values.get("scope") == "row"
            self.scopeless += "scope" not in values
        if tag == "a":
            self.links.append(values["href"] or "")
        self.fetched += [values[key] or "" for key in ("src", "srcset", "data", "action") if key in values]
        if tag == "link":
            self.fetched.append(values["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "th":
            self._in_heading = False
        if tag == "tr" and self._heading:
            self.rows[self._heading] = " ".join(" ".join(self._cells).split())

    def handle_data(self, data: str) -> None:
        self._cells.append(data)
        if self._in_heading and not self._heading:
            self._heading = data.strip()


@pytest.fixture(scope="module")
def folder(lab: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("report")
    build_report(lab, [write_evidence(root / "one.jsonl", SEEN)], root / "vi", "vi", made=MADE)
    build_report(lab, [root / "one.jsonl"], root / "en", "en", made=MADE)
    return root


@pytest.mark.proves("communes", "controls")
def test_every_commune_has_a_row_and_only_what_passed_is_green(lab: Fleet, folder: Path) -> None:
    page = Page(folder / "en" / "index.html")
    for commune in lab.communes.values():
        assert commune.name in page.rows
    assert "✓ pass details 6 Mbps 3 h ✗ fail details 6 Mbps 3 h" in page.rows["Đặc khu Phú Quốc"]
    assert "– no evidence" in page.rows["Xã An Minh"], "a host of the environment that was never looked at"
    absent = page.rows["Đặc khu Thổ Châu"]
    assert absent.count("· not in this environment") == 2
    assert "pass" not in absent
    assert sum("✓ pass" in row for row in page.rows.values()) == 1


def test_hosts_of_sites_and_strangers_are_shown(folder: Path) -> None:
    page = Page(folder / "en" / "index.html")
    assert "⊘ unreachable" in page.rows["rach-gia-services-1"]
    assert "◇ pass with waivers" in page.rows["rach-gia-gateway-1"]
    text = (folder / "en" / "index.html").read_text(encoding="utf-8")
    assert "In the evidence, but not in the model any more</h2><p>tho-chau-party" in text


def test_totals_count_hosts_and_checks_of_this_environment(lab: Fleet, folder: Path) -> None:
    report = Report(lab, [], "en", MADE)
    assert report.province_page()["host_totals"] == {"no-evidence": len(lab.hosts)}
    text = (folder / "en" / "index.html").read_text(encoding="utf-8")
    hosts, checks = text.split("<h2>Checks</h2>")
    assert 'data-total="no-evidence"' in hosts
    assert "pass with waivers" in hosts
    assert 'data-total="no-evidence"' not in checks
    for outcome, count in (("pass", 3), ("fail", 1), ("unreachable", 1), ("waived", 1)):
        assert f"{outcome}</span> <strong>{count}</strong>" in checks


def test_the_header_names_run_commit_and_time(folder: Path) -> None:
    text = (folder / "en" / "index.html").read_text(encoding="utf-8")
    for part in ("7c1e9a00", "abc123", "ops@desk", "2026-11-22 08:30 UTC", "2026-11-22 11:30 UTC", ">lab<"):
        assert part in text


def test_vietnamese_page_and_vietnamese_names_everywhere(folder: Path) -> None:
    page = Page(folder / "vi" / "index.html")
    assert page.lang == "vi"
    assert "✓ đạt chi tiết 6 Mbps 3 giờ ✗ không đạt" in page.rows["Đặc khu Phú Quốc"]
    assert "không thuộc môi trường này" in page.rows["Đặc khu Thổ Châu"]
    assert "Đặc khu Phú Quốc" in (folder / "en" / "hosts" / "phu-quoc-party.html").read_text(encoding="utf-8")


def test_host_page_tells_the_worst_first_and_escapes_what_hosts_say(folder: Path) -> None:
    text = (folder / "en" / "hosts" / "phu-quoc-people.html").read_text(encoding="utf-8")
    assert text.index("ssh::two") < text.index("ssh::one")
    assert "assert &#39;yes&#39; == &#39;no&#39; &lt;b&gt;" in text
    assert "Administrators &lt;act&gt;" in text
    assert "b00t" in text


def test_pages_fetch_nothing_and_their_links_lead_somewhere(lab: Fleet, folder: Path) -> None:
    pages = sorted((folder / "en").rglob("*.html"))
    lists = len(("index", "controls", "systems", "dossier", "layers", "moves"))
    parts: tuple[Sized, ...] = (lab.hosts, lab.controls, lab.systems, lab.communes, lab.data_centres)
    assert len(pages) == sum(len(part) for part in parts) + lists
    for path in pages:
        page = Page(path)
        assert [one for one in page.fetched if not one.startswith("data:")] == []
        assert page.scopeless == 0
        targets = [link for link in page.links if not link.startswith("#")]
        assert all((path.parent / link).is_file() for link in targets), path


def test_pages_of_hosts_that_left_are_removed(lab: Fleet, tmp_path: Path) -> None:
    left_over = tmp_path / "hosts" / "gone.html"
    left_over.parent.mkdir()
    left_over.touch()
    index = build_report(lab, [], tmp_path, "en", made=MADE)
    assert not left_over.exists()
    assert "No run yet." in index.read_text(encoding="utf-8")


def test_evidence_of_another_environment_is_refused(lab: Fleet, tmp_path: Path) -> None:
    path = write_evidence(tmp_path / "p.jsonl", [], environment="production")
    with pytest.raises(ProvinceError, match="evidence of environment 'production', not 'lab'"):
        build_report(lab, [path], tmp_path / "out", "en")


def test_a_run_that_was_cut_short_says_so(lab: Fleet, tmp_path: Path) -> None:
    path = write_evidence(tmp_path / "cut.jsonl", SEEN)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), encoding="utf-8")
    text = build_report(lab, [path], tmp_path / "out", "en", made=MADE).read_text(encoding="utf-8")
    assert "This run was cut short" in text
