# SPDX-License-Identifier: PostgreSQL
"""Options, markers and fixtures of the tests on real clusters.

Run as root: the tools drop their privileges by themselves, and hosts are network namespaces.
A directory under /tmp holds everything of a run; it is kept, and named, when a test fails.
"""
import os
import shutil

import pytest

from harness import campaign, plain, proc
from harness.cluster import Cluster
from harness.figures import Figures, commit
from harness.net import Net
from harness.shared import Pool, Shared

HERE = os.path.dirname(os.path.abspath(__file__))


BUILD = os.path.abspath(os.path.join(HERE, "..", "..", "build"))


class CampaignResults:
    """The file of results; what a tree with changes of its own did is not looked up again."""

    def __init__(self, path):
        self.path = path
        self.commit = commit(HERE, full=True)
        self.added = False

    def passed(self, seed):
        return campaign.passed(campaign.read(self.path), self.commit, seed) if self.commit else None

    def add(self, **row):
        self.added = True
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
        campaign.append(self.path, {"commit": self.commit, **row})


def seeds(config):
    first, _, last = (config.getoption("--seeds") or "").partition("..")
    if first:
        return range(int(first), int(last or first) + 1)
    return range(1, 61 if config.getoption("--full") else 13)


def pytest_addoption(parser):
    group = parser.getgroup("pgaf")
    group.addoption("--full", action="store_true",
                    help="all rounds, the issue's own bounds and durations")
    group.addoption("--figures", metavar="FILE", help="append what was measured as JSON lines")
    group.addoption("--campaign", metavar="FILE", default=os.path.join(BUILD, "campaign.jsonl"),
                    help="results of the campaign; seeds found there are not run again")
    group.addoption("--seeds", metavar="A..B", help="seeds of the campaign, instead of 1..12")
    group.addoption("--keep", action="store_true", help="keep the directory of the run")


def pytest_configure(config):
    config.addinivalue_line("markers", "full: runs only with --full")
    config.addinivalue_line("markers", "namespaces: nodes are network namespaces")
    if os.geteuid() != 0:
        pytest.exit("the tests on real clusters run as root", returncode=4)
    proc.become_subreaper()
    config.pgaf_figures = Figures()
    config.pgaf_seeds = seeds(config)
    config.pgaf_campaign = CampaignResults(config.getoption("--campaign"))
    config.pgaf_directory = f"/tmp/pgaf-test-{os.getpid()}"


def pytest_collection_modifyitems(config, items):
    for item in items:
        if "full" in item.keywords and not config.getoption("--full"):
            item.add_marker(pytest.mark.skip(reason="only with --full"))
    # Files that share a pair come first, so that none idles beside what is measured later.
    sharing = {item.module for item in items if "pool" in item.fixturenames}
    items.sort(key=lambda item: item.module not in sharing)


def pytest_collection_finish(session):
    session.config.pgaf_pool_users = {
        item.module for item in session.items
        if "pool" in item.fixturenames and not item.get_closest_marker("skip")}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for node in item.listchain():
            node.pgaf_failed = True
            directory = getattr(node, "pgaf_directory", None)
            if directory:
                report.sections.append(("kept", f"logs and data: {directory}"))


def pytest_terminal_summary(terminalreporter, config):
    figures = config.pgaf_figures
    if figures.rows:
        terminalreporter.section("figures")
        for line in figures.table():
            terminalreporter.write_line(line)
    results = config.pgaf_campaign
    if results.added:
        rows = campaign.read(results.path)
        terminalreporter.section(f"campaign: {len(rows)} scenarios in {results.path}")
        for line in campaign.table(rows):
            terminalreporter.write_line(line)
    if config.getoption("--figures"):
        figures.append_to(config.getoption("--figures"), HERE)


def pytest_unconfigure(config):
    for text in proc.sweep():
        print(f"left running, ended now: {text}")
    try:
        os.rmdir(config.pgaf_directory)
    except (OSError, AttributeError):
        pass


@pytest.fixture(scope="session")
def full(request):
    return request.config.getoption("--full")


@pytest.fixture(scope="session")
def bound(full):
    """Seconds or ms that the issue allows; three times as many where the machine is shared."""
    return lambda value: value if full else 3 * value


@pytest.fixture
def figures(request):
    """Figures of this test: figures(event, outage_ms=[…], …)."""
    def add(event, **values):
        request.config.pgaf_figures.add(event, test=request.node.name, **values)
        line = request.config.pgaf_figures.table()[-1]
        print(f"figures: {line}")
    return add


@pytest.fixture
def campaign_results(request):
    return request.config.pgaf_campaign


def own_directory(request):
    """A directory for a test or a file of tests, removed when all has passed."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name).strip("-")
    # Short, for Unix sockets will live below it.
    path = proc.make_directory(os.path.join(request.config.pgaf_directory, name[:32]))
    request.node.pgaf_directory = path
    yield path
    left = proc.sweep(path)
    failed = getattr(request.node, "pgaf_failed", False)
    if not failed and not request.config.getoption("--keep"):
        shutil.rmtree(path, ignore_errors=True)
    if left and not failed:
        pytest.fail("left running after the test had stopped everything:\n" + "\n".join(left))


@pytest.fixture
def directory(request):
    yield from own_directory(request)


@pytest.fixture
def net(directory):
    """A switch to which the test adds hosts."""
    network = Net(directory)
    yield network
    network.heal()
    proc.sweep(directory)
    network.close()


@pytest.fixture
def cluster(directory):
    """A cluster on 127.0.0.1, nothing started yet."""
    c = Cluster(directory)
    yield c
    c.close()


@pytest.fixture
def net_cluster(directory, net):
    """The same with a host for the monitor, for each node and for the clients."""
    c = Cluster(directory, net)
    yield c
    net.heal()
    c.close()


@pytest.fixture(scope="module")
def module_directory(request):
    yield from own_directory(request)


@pytest.fixture(scope="module")
def plain_pairs(module_directory):
    pairs = plain.Pairs(module_directory)
    yield pairs
    pairs.close()


@pytest.fixture
def local_pair(plain_pairs):
    """PostgreSQL alone: a primary and its synchronous standby on 127.0.0.1, without the table."""
    return plain_pairs.get()


@pytest.fixture(scope="session")
def pool(request):
    p = Pool(request.config.pgaf_directory, request.config.getoption("--keep"))
    yield p
    p.close()


@pytest.fixture(scope="module")
def shared(request, pool):
    """From the pool. A file that needs a pair of its own makes this another name of own_pair."""
    users = request.config.pgaf_pool_users
    pair = pool.take()
    request.node.pgaf_directory = pair.directory
    yield pair
    users.discard(request.module)
    failed = getattr(request.node, "pgaf_failed", False)
    left = pool.give_back(pair, failed, last=not users)
    if left:
        pytest.fail("left running after the test had stopped everything:\n" + "\n".join(left))


@pytest.fixture(scope="module")
def own_pair(module_directory):
    s = Shared(module_directory, with_hosts=False)
    yield s
    s.close()


@pytest.fixture(scope="module")
def shared_single(module_directory):
    s = Shared(module_directory, with_hosts=False, nodes=1)
    yield s
    s.close()


@pytest.fixture(scope="module")
def shared_hosts(module_directory):
    s = Shared(module_directory, with_hosts=True)
    yield s
    s.close()


@pytest.fixture
def ready(shared):
    """Primary + secondary on 127.0.0.1 with HAProxy, shared by the tests of a file."""
    return shared.get()


@pytest.fixture
def ready_single(shared_single):
    """One node in `single`, shared by the tests of a file."""
    return shared_single.get()


@pytest.fixture
def ready_hosts(shared_hosts):
    """Primary + secondary on hosts of their own, shared by the tests of a file."""
    return shared_hosts.get()
