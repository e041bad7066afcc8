"""The kiosk of the counter in a real browser: used without JavaScript, in Vietnamese, while the line is down."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By

from province.fleet.load import load_fleet
from province.pki import authority
from tests.consumers.counter_desk import Desk, desk_of
from tests.consumers.relay_clients import NODE, kept
from tests.consumers.relay_servers import Relays, at_work

from .test_report import QUIET, program

pytestmark = [pytest.mark.browser, pytest.mark.proves(12, 101)]

NO_SCRIPTS = {"profile.managed_default_content_settings.javascript": 2}
LEAST_TARGET_PX = 44
"""What a finger hits (WCAG 2.2, 2.5.5)."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A node whose lines lead nowhere."""
    made = Relays(load_fleet("lab"), tmp_path_factory.mktemp("desk"), authority.make("a test's", datetime.now(UTC)))
    with at_work(made) as relays:
        node = relays.node(NODE)
        node.start()
        with desk_of(relays, node) as one:
            one.start()
            yield one


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    options = Options()
    options.binary_location = program("chromium")
    for flag in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('profile')}", "--ignore-certificate-errors"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", NO_SCRIPTS)
    driver = webdriver.Chrome(options=options, service=Service(program("chromedriver")))
    yield driver
    driver.quit()


def test_a_citizen_hands_in_while_the_line_is_down(browser: WebDriver, desk: Desk, tmp_path: Path) -> None:
    """Every field has its label, targets fit a finger, nothing goes beyond the edge; the receipt has a number."""
    browser.get(f"https://127.0.0.1:{desk.port}/")
    browser.save_screenshot(str(tmp_path / "form.png"))
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "vi"
    assert browser.find_element(By.TAG_NAME, "h1").text == "Quầy một cửa Đặc khu Phú Quốc"
    assert "chưa kết nối được với tỉnh" in browser.find_element(By.CSS_SELECTOR, "[role=status]").text
    width = browser.get_window_size()["width"]
    for part in browser.find_elements(By.CSS_SELECTOR, "input:not([type=hidden]), textarea, button"):
        assert part.size["height"] >= LEAST_TARGET_PX
        assert part.location["x"] + part.size["width"] <= width
        assert part.accessible_name
    browser.find_element(By.ID, "name").send_keys("Trần Văn Bình")
    browser.find_element(By.ID, "procedure").send_keys("Đăng ký khai sinh")
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(b"%PDF-1.7 " + bytes(5000))
    browser.find_element(By.ID, "files").send_keys(str(scan))
    browser.find_element(By.TAG_NAME, "button").click()
    browser.save_screenshot(str(tmp_path / "receipt.png"))
    assert browser.find_element(By.TAG_NAME, "h1").text == "Đã nhận hồ sơ"
    assert len(browser.find_element(By.CLASS_NAME, "code").text) == len("ABCD-1234")
    assert kept(desk.node) == 1


def test_a_kiosk_that_is_off_says_so(browser: WebDriver, desk: Desk, tmp_path: Path) -> None:
    desk.running[0].kill()
    browser.get(f"https://127.0.0.1:{desk.port}/")
    browser.save_screenshot(str(tmp_path / "down.png"))
    assert browser.find_element(By.TAG_NAME, "h1").text == "Hồ sơ chưa được nhận"
    assert browser.find_element(By.CSS_SELECTOR, "[role=alert]").is_displayed()
