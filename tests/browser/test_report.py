"""The report in a real browser: readable, filterable, silent towards the network."""

from __future__ import annotations

import json
import shutil
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from province.fleet.load import load_fleet
from province.verify.evidence import End, EvidenceFile, Record, Run
from province.verify.outcome import Outcome
from province.verify.report import build_report

pytestmark = pytest.mark.browser

START = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
WORST = {"phu-quoc-people": Outcome.FAIL, "an-minh-party": Outcome.UNREACHABLE, "rach-gia-gateway-1": Outcome.WAIVED}
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1600",
)


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not installed; as root: tools/browser")
    return found


LAB = load_fleet("lab")
ROWS = len(LAB.communes) + sum(1 for host in LAB.hosts.values() if host.site)
"""One for each commune, and one for each host at a site."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    fleet = LAB
    root = tmp_path_factory.mktemp("report")
    run = Run(run="7c1e9a00", environment="lab", started=START, commit="abc123", verifier="ops@desk", hosts=())
    file = EvidenceFile(root / "evidence.jsonl", run)
    for host in fleet.hosts.values():
        for number in range(3):
            outcome = WORST.get(host.name, Outcome.PASS) if number == 0 else Outcome.PASS
            file.add(
                Record(
                    run=run.run,
                    time=START,
                    host=host.name,
                    test=f"ssh::check_{number}",
                    title=f"Check number {number} is met.",
                    subject="ssh",
                    controls=(25,),
                    outcome=outcome,
                    message="" if outcome is Outcome.PASS else "assert 'yes' == 'no'",
                    commit="abc123",
                    verifier="ops@desk",
                )
            )
    file.close(End(run=run.run, time=START, checks=file.checks, exit_code=1))
    return build_report(fleet, [file.path], root / "pages", "vi", made=START + timedelta(hours=2))


def started(profile: Path, *, javascript: bool = True) -> WebDriver:
    options = Options()
    options.binary_location = program("chromium")
    for flag in (*QUIET, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    if not javascript:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    return webdriver.Chrome(options=options, service=Service(program("chromedriver")))


def log_of(driver: WebDriver, kind: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = driver.get_log(kind)  # type: ignore[no-untyped-call]
    return entries


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    driver = started(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: WebDriver, report: Path) -> WebDriver:
    browser.get(report.as_uri())
    return browser


def visible(driver: WebDriver) -> list[str]:
    """Headings of the rows that can be seen."""
    rows = driver.find_elements(By.CSS_SELECTOR, "tbody tr")
    return [row.find_element(By.CSS_SELECTOR, "th").text for row in rows if row.is_displayed()]


def search(driver: WebDriver, text: str) -> list[str]:
    field = driver.find_element(By.ID, "query")
    field.clear()
    field.send_keys(text)
    return visible(driver)


def test_totals_are_shown(page: WebDriver, tmp_path: Path) -> None:
    found = [one.text for one in page.find_elements(By.CSS_SELECTOR, "header [data-total]")]
    assert found == [
        "✗ không đạt 1", "⊘ không liên lạc được 1", "◇ đạt (có miễn trừ) 1", "✓ đạt 12",
        "✗ không đạt 1", "⊘ không liên lạc được 1", "◇ miễn trừ 1", "✓ đạt 42",
    ]  # fmt: skip
    shot = tmp_path / "report.png"
    assert page.save_screenshot(str(shot))
    assert shot.stat().st_size > 10_000


@pytest.mark.parametrize("words", ["Phú Quốc", "phu quoc", "PHU QUOC", "31078", "phu-quoc-party"])
def test_search_with_and_without_diacritics(page: WebDriver, words: str) -> None:
    assert search(page, words) == ["Đặc khu Phú Quốc"]


def test_filter_by_result_and_count(page: WebDriver) -> None:
    Select(page.find_element(By.ID, "wanted")).select_by_value("fail")
    assert visible(page) == ["Đặc khu Phú Quốc"]
    assert page.find_element(By.ID, "count").text.startswith(f"1 / {ROWS} ")
    assert search(page, "an minh") == []


def test_headings_sort_both_ways_with_the_worst_first(page: WebDriver) -> None:
    heading = page.find_elements(By.CSS_SELECTOR, "#communes thead th")[7]
    heading.find_element(By.TAG_NAME, "button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert visible(page)[0] == "Đặc khu Phú Quốc"
    heading.find_element(By.TAG_NAME, "button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert visible(page)[0] != "Đặc khu Phú Quốc"


def test_details_lead_to_the_host_and_back(page: WebDriver) -> None:
    page.find_element(By.CSS_SELECTOR, "a[href='hosts/phu-quoc-people.html']").click()
    assert page.find_element(By.TAG_NAME, "h1").text == "phu-quoc-people ✗ không đạt"
    first = page.find_element(By.CSS_SELECTOR, "tbody tr")
    assert "Check number 0 is met." in first.text
    assert "assert 'yes' == 'no'" in first.text
    page.find_element(By.CSS_SELECTOR, "nav a").click()
    assert page.find_element(By.ID, "communes").is_displayed()


def test_no_console_message_and_no_request_to_anywhere(report: Path, tmp_path: Path) -> None:
    driver = started(tmp_path / "profile")
    try:
        driver.get(report.as_uri())
        search(driver, "phu quoc")
        driver.find_element(By.CSS_SELECTOR, "a[href='hosts/phu-quoc-party.html']").click()
        assert driver.find_element(By.TAG_NAME, "h1").is_displayed()
        console = log_of(driver, "browser")
        events = [json.loads(entry["message"])["message"] for entry in log_of(driver, "performance")]
    finally:
        driver.quit()
    assert console == []
    requests = [one["params"] for one in events if one["method"] == "Network.requestWillBeSent"]
    asked = [one["request"]["url"] for one in requests if not one["documentURL"].startswith("chrome:")]
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
    assert len([url for url in asked if url.startswith("file:")]) == 2, "two pages and nothing else"


def test_the_map_has_every_commune_and_leads_to_its_certificate(page: WebDriver) -> None:
    points = page.find_elements(By.CSS_SELECTOR, ".map svg a")
    assert len(points) == len(LAB.communes)
    wanted = {"phu-quoc": "✗", "an-minh": "⊘", "tho-chau": "·"}
    codes = {commune.short: commune.code for commune in LAB.communes.values()}
    for short, symbol in wanted.items():
        point = page.find_element(By.CSS_SELECTOR, f".map a[href='communes/{codes[short]}.html']")
        assert point.find_element(By.TAG_NAME, "text").get_attribute("textContent") == symbol
    drawing = page.find_element(By.CSS_SELECTOR, ".map svg").rect
    for point in points:
        circle = point.find_element(By.TAG_NAME, "circle").rect
        assert drawing["x"] <= circle["x"] <= drawing["x"] + drawing["width"]
    page.find_element(By.CSS_SELECTOR, f".map a[href='communes/{codes['phu-quoc']}.html'] circle").click()
    assert page.find_element(By.TAG_NAME, "h1").text.endswith("Đặc khu Phú Quốc")
    assert "Chưa nghiệm thu. phu-quoc-people: không đạt" in page.find_element(By.TAG_NAME, "header").text


PAGES = ("controls.html", "controls/25.html", "systems.html", "systems/e-office.html", "sites/rach-gia.html",
         "layers.html", "moves.html", "dossier.html", "communes/31078.html")  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_named_captioned_and_leads_back(browser: WebDriver, report: Path, name: str) -> None:
    browser.get((report.parent / name).as_uri())
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "vi"
    assert browser.title
    assert len(browser.find_elements(By.TAG_NAME, "h1")) == 1
    tables = browser.find_elements(By.TAG_NAME, "table")
    assert tables
    for table in tables:
        assert table.find_element(By.TAG_NAME, "caption").text
        assert len(table.find_elements(By.CSS_SELECTOR, "tbody tr")) == len(
            table.find_elements(By.CSS_SELECTOR, "tbody tr > th[scope=row]:first-of-type")
        )
    for state in browser.find_elements(By.CSS_SELECTOR, ".state"):
        assert len(state.text.split()) > 1, "a sign and a word, not a colour alone"
    browser.find_element(By.CSS_SELECTOR, "nav a").click()
    assert browser.find_element(By.ID, "communes").is_displayed()


def test_it_prints(browser: WebDriver, report: Path, tmp_path: Path) -> None:
    browser.get((report.parent / "dossier.html").as_uri())
    printed = tmp_path / "dossier.pdf"
    printed.write_bytes(b64decode(browser.print_page()))
    assert printed.read_bytes().startswith(b"%PDF")
    assert printed.read_bytes().count(b"/Type /Page\n") > 2, "the annex is as long as its controls"


def test_readable_without_javascript(report: Path, tmp_path: Path) -> None:
    driver = started(tmp_path / "profile", javascript=False)
    try:
        driver.get(report.as_uri())
        assert len(visible(driver)) == ROWS
        assert not driver.find_element(By.ID, "filter").is_displayed()
    finally:
        driver.quit()
