# SPDX-License-Identifier: PostgreSQL
"""A headless Chromium at one page: what it shows and when, what it asks for, what it complains
about. Where Chromium or its driver is missing, the test that asks for one is skipped."""
import json
import os
import shutil

import pytest

from . import proc

PICTURES = os.environ.get("PGAF_PICTURES")  # a directory
PHONE = (390, 844)

# The moment at which something was first shown, by the clock that the monitor has too.
WATCH = """
window.shown = {};
const note = text => { window.shown[text] ||= Date.now(); };
const look = () => {
    for (const row of document.querySelectorAll('#nodes tr'))
        note(row.cells[0].textContent + ' ' + row.cells[1].textContent);
    for (const row of document.querySelectorAll('#events tr'))
        note(row.cells[0].textContent + ' ' + row.cells[3].textContent);
};
new MutationObserver(look).observe(document.querySelector('main'),
    { childList: true, subtree: true, characterData: true });
look();
"""

# What has text of its own, how its colour stands out, and the colours.
CONTRAST = """
const parts = c => c.match(/[\\d.]+/g).map(Number);
const light = c => { const [r, g, b] = parts(c).map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b; };
const behind = e => { for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor;
    if (parts(c).length < 4 || parts(c)[3] > 0) return c; }
    return 'rgb(255, 255, 255)'; };
return [...document.querySelectorAll('body *')]
    .filter(e => !(e instanceof SVGElement) && !e.closest('script') && e.checkVisibility() &&
        [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
    .map(e => { const a = getComputedStyle(e).color, b = behind(e);
        const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
        return [e.textContent.slice(0, 40), (x + .05) / (y + .05), a, b]; });
"""

FOCUSED = """
const e = document.activeElement, style = getComputedStyle(e);
return { outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    tag: e.tagName, id: e.id, text: e.textContent.trim().slice(0, 60) };
"""


class Browser:
    def __init__(self, directory):
        webdriver = pytest.importorskip("selenium.webdriver")
        service = pytest.importorskip("selenium.webdriver.chrome.service")
        driver = shutil.which("chromedriver")
        if not driver or not shutil.which("chromium"):
            pytest.skip("needs chromium and chromium-driver")
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage",
                         "--disable-gpu", "--disable-background-networking",
                         f"--user-data-dir={directory}/chromium"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=service.Service(driver), options=options)
        self.driver.set_page_load_timeout(20)
        self.driver.set_script_timeout(10)
        self.asked = []       # every address, the browser's own pages aside
        self.complaints = []  # of the console

    def close(self):
        self.driver.quit()

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def resize(self, width=1280, height=1000):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    def colours(self, scheme):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def open(self, url):
        self.resize()
        self.driver.get(url)
        proc.wait_for(lambda: self.text("#link").startswith("live"), 10,
                      lambda: f"the page is live: {self.text('body')}")
        self.run(WATCH)

    # What it shows.

    def text(self, selector):
        return self.run("const e = document.querySelector(arguments[0]);"
                        "return e ? e.textContent : '';", selector)

    def nodes(self):
        """{name: state}, as the table says."""
        return dict(self.run("return [...document.querySelectorAll('#nodes tr')]"
                             ".map(r => [r.cells[0].textContent, r.cells[1].textContent])"))

    def shown(self):
        """{"node1 secondary → prepare_promotion" or "TIME WHAT" of an event: ms since 1970}"""
        return self.run("return window.shown")

    def is_wider_than_its_window(self):
        return self.run("return document.documentElement.scrollWidth > innerWidth")

    def pale_texts(self):
        """Texts that stand out less than WCAG's 4.5 : 1 asks for."""
        return [row for row in self.run(CONTRAST) if row[1] < 4.5]

    def focused(self):
        return self.run(FOCUSED)

    def picture(self, name):
        if PICTURES:
            os.makedirs(PICTURES, exist_ok=True)
            self.driver.save_screenshot(os.path.join(PICTURES, f"{name}.png"))

    # The keyboard.

    def press(self, *keys):
        actions = pytest.importorskip("selenium.webdriver").ActionChains(self.driver)
        actions.send_keys(*keys).perform()

    # What it did.

    def drain(self):
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                self.asked += [] if url.startswith("chrome:") else [url]
        self.complaints += [entry["message"] for entry in self.driver.get_log("browser")]
