# SPDX-License-Identifier: PostgreSQL
"""The monitor's page in a real browser: changes are there at once, nobody needs a mouse, good eyes
or a wide screen, and it asks nobody but its monitor."""
import base64
import datetime
import json
import os
import urllib.error
import urllib.request

import pytest

from harness import proc
from harness.browser import PHONE, Browser
from harness.cluster import Cluster

pytestmark = pytest.mark.full

TAB, ENTER, ESCAPE, DOWN = "\ue004", "\ue007", "\ue00c", "\ue015"
USER, PASSWORD = "pg_auto_failover", "12345"


@pytest.fixture(scope="module")
def browser(module_directory):
    b = Browser(module_directory)
    yield b
    b.close()


@pytest.fixture(scope="module")
def pair(module_directory, browser):  # pylint: disable=unused-argument
    """Primary + secondary of a monitor that asks for a password."""
    c = Cluster(module_directory)
    secret = os.path.join(module_directory, "http-password")
    with open(secret, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write(PASSWORD + "\n")
    c.start_monitor("--http-user", USER, "--http-password-file", secret, "--http-actions")
    for _ in range(2):
        c.add_node().start()
    c.wait_settled(60)
    yield c
    c.close()


@pytest.fixture
def page(pair, browser):
    """At the page; in the end it has asked its monitor only, and had nothing to complain of."""
    pair.wait_settled(30)
    browser.colours("light")
    browser.open(f"http://{USER}:{PASSWORD}@127.0.0.1:{pair.monitor.http_port}/")
    proc.wait_for(lambda: sorted(browser.nodes().values()) == ["primary", "secondary"], 10,
                  lambda: f"the nodes: {browser.nodes()}")
    yield browser
    browser.drain()
    home = f"http://127.0.0.1:{pair.monitor.http_port}/"
    asked = [url.replace(f"{USER}:{PASSWORD}@", "") for url in browser.asked]
    assert home in asked
    assert [url for url in asked if not url.startswith((home, "data:"))] == []
    assert browser.complaints == []
    browser.driver.get("about:blank")
    browser.drain()
    browser.asked.clear()


def milliseconds(event):
    moment = datetime.datetime.strptime(event["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
    return moment.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000


def delays(pair, page, after):
    """ms from each event behind this one to its line on the page, and from each new state that
    was assigned to the moment when the node's line said so."""
    events = [e for e in pair.events() if e["event_id"] > after]
    shown = page.shown()

    def of_line(event):
        text = f"{event['time'][:-1].replace('T', ' ')} {event['description']}"
        assert text in shown, f"{text} is not on the page: {shown}"
        return shown[text] - milliseconds(event)

    def of_state(event):
        """A state that was left again within the page's 100 ms may be passed over."""
        texts = [moment for text, moment in shown.items()
                 if text.startswith(event["node_name"] + " ")
                 and text.endswith(" " + event["assigned_state"])
                 and moment >= milliseconds(event) - 1]
        return [min(texts) - milliseconds(event)] if texts else []

    promoting = [e for e in events if e["rule"] and e["assigned_state"] in
                 ("prepare_promotion", "stop_replication", "wait_primary", "primary")]
    states = [ms for e in promoting for ms in of_state(e)]
    assert states, f"no state of {promoting} was on the page: {shown}"
    return [of_line(e) for e in events], states


def newest(pair):
    return pair.events()[-1]["event_id"]


def test_a_failover_is_on_the_page_within_a_second(pair, page, figures, bound):
    primary, standby, after = pair.primary(), pair.standby(), newest(pair)
    page.picture("calm")
    primary.kill_everything()
    proc.wait_for(lambda: page.nodes()[standby.name] in ("wait_primary", "single"), 20,
                  lambda: f"{standby.name} accepts writes: {page.nodes()}")
    page.picture("failover")
    primary.start()
    proc.wait_for(lambda: page.nodes() == {standby.name: "primary", primary.name: "secondary"}, 30,
                  lambda: f"the other way round: {page.nodes()}")
    pair.wait_settled(20)
    chart = page.text("#outages li")
    assert f"failover to {standby.name}: " in chart, page.text("#outages")
    for phase in ("no answer", "tell the new one", "claim", "promote and open"):
        assert f"{phase} " in chart, chart
    page.picture("after_failover")
    lines, states = delays(pair, page, after)
    figures("failover on the page", event_ms=lines, state_ms=states)
    assert max(lines) <= bound(1000) and max(states) <= bound(1000)


def test_a_switchover_is_on_the_page_within_a_second(pair, page, figures, bound):
    primary, standby, after = pair.primary(), pair.standby(), newest(pair)
    pair.ctl("perform", "switchover")
    proc.wait_for(lambda: page.nodes() == {standby.name: "primary", primary.name: "secondary"}, 10,
                  lambda: f"the other way round: {page.nodes()}")
    chart = page.text("#outages li")
    assert f"switchover to {standby.name}: " in chart and "stop the old primary " in chart, chart
    assert page.text("#timelines strong").startswith("timeline ")
    last = pair.events()[-1]
    proc.wait_for(lambda: any(last["description"] in text for text in page.shown()), 5,
                  lambda: f"{last}: {page.shown()}")
    lines, states = delays(pair, page, after)
    figures("switchover on the page", event_ms=lines, state_ms=states)
    assert max(lines) <= bound(1000) and max(states) <= bound(1000)


def around(page):
    """What the tabulator key comes to, until it leaves the page."""
    stops = []
    page.run("document.activeElement.blur()")
    for _ in range(40):
        page.press(TAB)
        stop = page.focused()
        if stop["tag"] == "BODY":
            break
        assert stop["outline"], f"the focus cannot be seen at {stop}"
        stops.append(page.driver.switch_to.active_element)
    return stops


def test_without_a_mouse(page):
    stops = around(page)
    names = [stop.accessible_name for stop in stops]
    assert all(names), names
    wanted = ["Picture", "Switch over…", "Drop a node…", "Nodes", "Events"]
    assert [name for name in names if name in wanted] == wanted, names
    places = [stop.location["y"] for stop in stops]
    assert places == sorted(places), "not in the order of the page"


def tab_to(page, name):
    for _ in range(20):
        if page.driver.switch_to.active_element.accessible_name.startswith(name):
            return
        page.press(TAB)
        assert page.focused()["outline"], page.focused()
    raise AssertionError(f"{name} is not reached")


def test_a_switchover_by_the_keyboard(pair, page):
    primary, standby, after = pair.primary(), pair.standby(), newest(pair)
    tab_to(page, "Switch over…")
    page.press(ENTER)
    proc.wait_for(lambda: page.text("#ask-verdict").startswith("This is possible"), 5,
                  lambda: f"the dry run: {page.text('#ask')}")
    page.picture("dry_run")
    told = page.text("#ask-story")
    assert "What would be done" in told and primary.name in told and standby.name in told
    assert page.focused()["id"] == "ask-node"
    # Escape leaves all as it was and comes back to the button; nothing was asked for.
    page.press(ESCAPE)
    proc.wait_for(lambda: page.focused()["id"] == "switchover", 5,
                  lambda: f"back at the button: {page.focused()}")
    assert newest(pair) == after
    page.press(ENTER)
    proc.wait_for(lambda: page.text("#ask-verdict").startswith("This is possible"), 5,
                  lambda: f"the dry run: {page.text('#ask')}")
    page.press(DOWN)
    proc.wait_for(lambda: page.run("return document.querySelector('#ask-node').value") ==
                  standby.name and page.text("#ask-verdict").startswith("This is possible"), 5,
                  lambda: f"{standby.name} is chosen: {page.text('#ask')}")
    tab_to(page, "Switch over now")
    page.press(ENTER)
    proc.wait_for(lambda: page.nodes() == {standby.name: "primary", primary.name: "secondary"}, 10,
                  lambda: f"the other way round: {page.nodes()} {page.text('#ask')}")
    assert page.text("#asked").startswith("Switch over: asked for")
    assert page.focused()["id"] == "switchover"


def test_for_a_screen_reader(page):
    assert page.run("return document.documentElement.lang") == "en"
    assert page.run("return document.querySelectorAll('h1').length") == 1
    assert page.run("return document.querySelector('#link').getAttribute('role')") == "status"
    assert page.run("return document.querySelector('#newest').ariaLive") == "polite"
    # Every picture and every table says what it is, every cell whose column it is in.
    assert "is primary, ok" in page.run("return document.querySelector('#picture').ariaLabel")
    assert page.run("return [...document.querySelectorAll('table')]"
                    ".filter(t => !t.closest('[role=region][aria-label]')).length") == 0
    assert page.run("return [...document.querySelectorAll('tbody tr')].filter(r =>"
                    " r.cells.length !== r.closest('table').tHead.rows[0].cells.length)"
                    ".length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_can_be_read(page, scheme):
    page.colours(scheme)
    page.picture(scheme)
    assert page.pale_texts() == []
    tab_to(page, "Drop a node…")
    page.press(ENTER, DOWN)
    proc.wait_for(lambda: page.text("#ask-story"), 5, lambda: page.text("#ask"))
    page.picture(f"{scheme}_drop")
    assert page.pale_texts() == []


def test_on_a_phone(page):
    page.resize(*PHONE)
    page.picture("phone")
    assert not page.is_wider_than_its_window()
    assert all(stop.accessible_name for stop in around(page))
    tab_to(page, "Switch over…")
    page.press(ENTER)
    proc.wait_for(lambda: page.text("#ask-story"), 5, lambda: page.text("#ask"))
    page.picture("phone_dry_run")
    assert not page.is_wider_than_its_window()


def ask(pair, path, method="GET", password=PASSWORD, **headers):
    """(status, what it says)"""
    request = urllib.request.Request(
        f"http://127.0.0.1:{pair.monitor.http_port}/api/v1/{path}", method=method,
        headers={name.replace("_", "-"): value for name, value in headers.items()})
    if password:
        both = base64.b64encode(f"{USER}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {both}")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_drop_by_a_program(pair):
    """The last of the file: one node is left."""
    pair.wait_settled(20)
    primary, standby, after = pair.primary(), pair.standby(), newest(pair)
    path = f"drop?node={standby.name}"
    assert ask(pair, path, "POST", password=None)[0] == 401
    assert ask(pair, path, "POST")[0] == 403
    status, told = ask(pair, path)
    shown = pair.ctl_json("drop", "node", standby.name, "--dry-run")
    assert status == 200 and told["possible"] and told["verdict"] == shown["verdict"]
    assert told["plan"] == shown["plan"]
    ticket = told["ticket"]
    assert ask(pair, path, "POST", X_Pgaf_Ticket=ticket, Origin="http://evil.example")[0] == 403
    assert ask(pair, f"drop?node={primary.name}", "POST", X_Pgaf_Ticket=ticket)[0] == 403
    assert newest(pair) == after, "nothing has happened so far"
    assert ask(pair, path, "POST", X_Pgaf_Ticket=ask(pair, path)[1]["ticket"])[0] == 202
    proc.wait_for(lambda: list(pair.node_states()) == [primary.name], 20,
                  lambda: pair.describe(f"{standby.name} is gone"))
    assert standby.keeper.wait(15) == 0
