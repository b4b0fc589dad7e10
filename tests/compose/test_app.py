# SPDX-License-Identifier: PostgreSQL
"""The web application in headless Chromium, through every fault of test_faults.py: each
registration that the page has confirmed is in the table afterwards, once."""
import os
import threading
import time

import pytest

from stack import NETWORK, ctl, docker, logs, query, states, wait_for, wait_settled

webdriver = pytest.importorskip("selenium.webdriver")
By = pytest.importorskip("selenium.webdriver.common.by").By
Wait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait
conditions = pytest.importorskip("selenium.webdriver.support.expected_conditions")
Service = pytest.importorskip("selenium.webdriver.chrome.service").Service

PAGE = "http://localhost:8000/"
PICTURES = os.environ.get("PGAF_PICTURES")  # a directory


class Visitor:
    """Registers somebody, waits for the page that confirms it, and does it again."""

    def __init__(self):
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage",
                         "--disable-gpu", "--window-size=900,900"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.browser = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.browser.set_page_load_timeout(60)
        self.confirmed = []  # (name, number)
        self.longest = 0.0
        self.refused = 0
        self.failure = None
        self._number = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        self.wait_more(3)

    def _run(self):
        try:
            while not self._stop.is_set():
                self._register()
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error

    def _register(self):
        self._number += 1
        name = f"visitor-{self._number}"
        self.browser.get(PAGE)
        if self.browser.find_elements(By.NAME, "username"):
            self._submit(name)

    def _submit(self, name):
        began = time.monotonic()
        for field, value in (("username", name), ("email", f"{name}@example.com")):
            self.browser.find_element(By.NAME, field).send_keys(value)
        self._press()
        while not self.browser.find_elements(By.ID, "registered"):
            # The page says that it is not known: press the button again, as it asks for.
            assert self.browser.find_elements(By.ID, "unavailable"), self.browser.page_source
            self.refused += 1
            self._press()
        said = self.browser.find_element(By.ID, "registered").text
        self.confirmed.append((name, int(said.rstrip(".").split()[-1])))
        self.longest = max(self.longest, time.monotonic() - began)

    def _press(self):
        """Until the answer is there, the page with the button is."""
        button = self.browser.find_element(By.CSS_SELECTOR, "form button")
        button.click()
        Wait(self.browser, 60, poll_frequency=0.02).until(conditions.staleness_of(button))

    def wait_more(self, more, deadline=60):
        wanted = len(self.confirmed) + more

        def enough():
            if self.failure:
                raise self.failure
            return len(self.confirmed) >= wanted
        wait_for(enough, deadline, lambda: f"the page confirms again\n{logs()}")

    def stop(self):
        self._stop.set()
        self._thread.join(90)
        if self.failure:
            raise self.failure

    def picture(self, name):
        if PICTURES:
            self.browser.save_screenshot(os.path.join(PICTURES, name))


@pytest.fixture(name="visitor")
def a_visitor(cluster):  # pylint: disable=unused-argument
    wait_for(lambda: docker("exec", "app", "python3", "-c",
                            "import urllib.request as u; u.urlopen('http://localhost:8000/')",
                            check=False) == "", 60, "the application answers")
    visitor = Visitor()
    visitor.start()
    yield visitor
    visitor.browser.quit()


FAULTS = {
    "switchover": (lambda old: ctl("perform", "switchover"), lambda old: None),
    "stop": (lambda old: docker("stop", old), lambda old: docker("start", old)),
    "kill": (lambda old: docker("kill", old), lambda old: docker("start", old)),
    "pause": (lambda old: docker("pause", old), lambda old: docker("unpause", old)),
    "disconnect": (lambda old: docker("network", "disconnect", NETWORK, old),
                   lambda old: docker("network", "connect", NETWORK, old)),
}


def test_no_confirmed_registration_is_lost(visitor, figures):
    for fault, (strike, mend) in FAULTS.items():
        old, new = wait_settled(60)
        visitor.longest = 0.0
        before = len(visitor.confirmed)
        strike(old)
        wait_for(lambda n=new: states().get(n, ("",))[0] in ("wait_primary", "primary"), 30,
                 lambda: f"{new} is promoted after {fault}: {states()}\n{logs()}")
        visitor.wait_more(5)
        mend(old)
        wait_settled(60)
        visitor.wait_more(5)
        figures(f"web application, {fault}", longest_wait=visitor.longest,
                confirmed=len(visitor.confirmed) - before, asked_again=visitor.refused)
        # What the application promises to wait, and one page load.
        assert visitor.longest <= 20
    visitor.picture("app.png")
    visitor.stop()
    rows = query("SELECT username, id FROM users WHERE username LIKE 'visitor-%'")
    assert set(visitor.confirmed) <= set(rows)
    assert len({name for name, _ in rows}) == len(rows), "somebody is registered twice"
    noise = [e for e in visitor.browser.get_log("browser")
             if e["level"] == "SEVERE" and "503" not in e["message"]]
    assert not noise
