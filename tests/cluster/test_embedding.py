# SPDX-License-Identifier: PostgreSQL
"""The embedding example, built outside the tree against an installed copy, follows a failover."""
import os
import shutil
import subprocess

import pytest

from harness import proc
from harness.cluster import ROOT

SOURCE = os.path.join(ROOT, "examples", "follow_primary.c")

pytestmark = pytest.mark.skipif(not os.path.exists(SOURCE), reason="no examples/follow_primary.c")


@pytest.fixture
def program(directory, ready):
    """`cmake --install`, then nothing but pkg-config and a compiler."""
    build = ready.bindir
    while not os.path.exists(os.path.join(build, "cmake_install.cmake")):
        build, below = os.path.dirname(build), build
        if build == below:
            pytest.skip("the tools do not come from a build directory")
    prefix = os.path.join(directory, "installed")
    proc.run(["cmake", "--install", build, "--prefix", prefix], timeout=120)
    found = subprocess.run(["find", prefix, "-name", "pgaf.pc"], capture_output=True, text=True,
                           check=True).stdout.split()
    env = {"PKG_CONFIG_PATH": os.path.dirname(found[0])}
    flags = proc.run(["pkg-config", "--cflags", "--libs", "pgaf"], env=env).stdout.split()
    source = shutil.copy(SOURCE, directory)
    binary = os.path.join(directory, "follow_primary")
    proc.run(["cc", "-Wall", "-Werror", source, "-o", binary, *flags], timeout=60, env=env)
    return binary, os.path.dirname(os.path.dirname(found[0]))


def test_follow_primary(program, ready, directory):
    """It prints the primary, and the next one after a switchover."""
    binary, libraries = program
    log = os.path.join(directory, "follow.log")
    follower = proc.Daemon("follow", [binary, ready.operator_uri()], log,
                           env={"LD_LIBRARY_PATH": libraries},
                           wrap=["setpriv", "--reuid=postgres", "--regid=postgres",
                                 "--clear-groups"])
    proc.make_directory(directory)
    follower.start()
    old, new = ready.primary(), ready.standby()
    proc.wait_for(lambda: str(old.port) in follower.log_text(), 10,
                  lambda: f"it names {old.name}:\n{follower.log_text()}")
    ready.ctl("perform", "switchover")
    proc.wait_for(lambda: str(new.port) in follower.log_text(), 10,
                  lambda: f"it names {new.name}:\n{follower.log_text()}")
    assert follower.running()
    follower.stop()
