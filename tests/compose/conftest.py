# SPDX-License-Identifier: PostgreSQL
"""One cluster for all tests of this directory; skipped where no engine runs. See README.md."""
import json
import time

import pytest

import stack as containers

FIGURES = []


def pytest_addoption(parser):
    parser.addoption("--figures", help="append what was measured to this file, as JSON lines")
    parser.addoption("--keep", action="store_true", help="leave the containers running")


def pytest_collection_modifyitems(items):
    # What is true of the very first start is not after the first failover.
    items.sort(key=lambda item: item.name != "test_first_start")
    missing = containers.engine_missing()
    if missing:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture(scope="session", name="first_up")
def the_first_up(request):
    """Seconds of the very first start, from built images and no volumes."""
    containers.compose("down", "--volumes", "--remove-orphans", timeout=120)
    containers.compose("build", timeout=3000)
    yield containers.up()
    if not request.config.getoption("--keep"):
        containers.compose("down", "--volumes", timeout=120)


@pytest.fixture(name="cluster")
def a_whole_cluster(first_up):  # pylint: disable=unused-argument
    """Everything runs, and a test before has left nothing paused or cut off."""
    for name in containers.NODES:
        containers.docker("unpause", name, check=False)
        containers.docker("network", "connect", containers.NETWORK, name, check=False)
    containers.up()
    return containers


@pytest.fixture
def figures(request):
    def note(what, **values):
        row = {"what": what, **{k: round(v, 2) if isinstance(v, float) else v
                                for k, v in values.items()}}
        FIGURES.append(row)
        path = request.config.getoption("--figures")
        if path:
            with open(path, "a", encoding="ascii") as f:
                f.write(json.dumps(row | {"at": int(time.time())}) + "\n")
    return note


def pytest_terminal_summary(terminalreporter):
    for row in FIGURES:
        values = "  ".join(f"{k}={v}" for k, v in row.items() if k != "what")
        terminalreporter.write_line(f"{row['what']:<52} {values}")
