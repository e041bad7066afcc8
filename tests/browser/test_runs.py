"""The page of runs in a real browser: it follows a run by itself, and takes no text for markup."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from province.rollout.conduct import conduct
from province.rollout.journal import FileJournal
from province.rollout.page import RunsServer
from tests.unit.rollout_world import World, begun

from .test_report import browser

__all__ = ["browser"]
pytestmark = pytest.mark.browser

NASTY = "<b id=nasty>chrony</b>"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunsServer]:
    made = RunsServer(tmp_path)
    thread = Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    made.stop()
    thread.join()


def test_the_page_follows_a_run_without_being_loaded_again(
    browser: WebDriver, server: RunsServer, tmp_path: Path
) -> None:
    browser.get(server.address)
    wait = WebDriverWait(browser, 10)
    wait.until(lambda page: "no run yet" in page.find_element(By.ID, "runs").text)
    opened = FileJournal.begin(tmp_path, begun(("a", "b"), ("c",), reason=NASTY), lambda *_: None)
    wait.until(lambda page: NASTY in page.find_element(By.ID, "runs").text)
    conduct(opened, World(away={"c"}))
    opened.close()
    wait.until(lambda page: page.find_element(By.CSS_SELECTOR, ".state").text == "done")
    assert "No route to host" in browser.find_element(By.ID, "runs").text
    assert browser.find_elements(By.ID, "nasty") == []
    logged = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert not [one for one in logged if one["level"] == "SEVERE"]
