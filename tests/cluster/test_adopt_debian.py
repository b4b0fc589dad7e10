# SPDX-License-Identifier: PostgreSQL
"""An existing server becomes the first node where it is, with its data and its configuration."""
import os
import shutil

import pytest

from harness import plain, proc
from harness.ports import free_port

CLUSTER = f"pgaftest{os.getpid()}"


def standby_joins_and_holds(cluster, adopted, rows):
    """A second node clones the adopted one, takes over, and has every row."""
    cluster.wait_states(40, **{adopted.name: "single"})
    assert adopted.value("SELECT count(*) FROM precious") == rows
    second = cluster.add_node().start()
    cluster.wait_settled(60)
    assert cluster.primary() is adopted
    cluster.ctl("perform", "switchover")
    cluster.wait_settled(30)
    assert cluster.primary() is second
    assert second.value("SELECT count(*) FROM precious") == rows


@pytest.mark.parametrize("running", [False, True], ids=["stopped", "running"])
def test_adopt_a_standalone_cluster(cluster, running):
    """Made by plain initdb, with data; stopped, or running when the keeper comes."""
    old = plain.Instance(proc.make_directory(os.path.join(cluster.directory, "old")), "server",
                         "127.0.0.1", free_port())
    old.create()
    old.start()
    old.sql("CREATE TABLE precious AS SELECT generate_series(1, 1000) AS i")
    identifier = old.sql("SELECT system_identifier FROM pg_control_system()")
    if not running:
        old.daemon.stop()
    cluster.start_monitor()
    node = cluster.add_node(pgdata=old.pgdata, port=old.port).start()
    standby_joins_and_holds(cluster, node, 1000)
    assert node.sql("SELECT system_identifier FROM pg_control_system()") == identifier


@pytest.fixture
def debian_cluster():
    """A cluster as Debian's tools make it: configuration in /etc, data in /var/lib."""
    if not shutil.which("pg_createcluster"):
        pytest.skip("postgresql-common is not installed")
    version = plain.bindir().split("/")[-2]
    port = free_port()
    proc.run(["pg_createcluster", version, CLUSTER, "-p", str(port)], timeout=60)
    yield version, port
    proc.sweep(f"/var/lib/postgresql/{version}/{CLUSTER}")
    proc.run(["pg_dropcluster", "--stop", version, CLUSTER], timeout=60)
    shutil.rmtree(f"/var/lib/postgresql/{version}/{CLUSTER}.pgaf", ignore_errors=True)


def test_adopt_debian(debian_cluster, cluster):
    """It stays where it is; its unit no longer starts it, and that is said."""
    version, port = debian_cluster
    pgdata = f"/var/lib/postgresql/{version}/{CLUSTER}"
    etc = f"/etc/postgresql/{version}/{CLUSTER}"
    proc.run(["pg_ctlcluster", version, CLUSTER, "start"], timeout=60)
    proc.run(["psql", "-X", "-p", str(port), "-d", "postgres", "-c",
              "CREATE TABLE precious AS SELECT generate_series(1, 500) AS i"], user="postgres")
    proc.run(["pg_ctlcluster", version, CLUSTER, "stop"], timeout=60)

    cluster.start_monitor()
    node = cluster.add_node(pgdata=pgdata, port=port).start()
    standby_joins_and_holds(cluster, node, 500)
    with open(f"{etc}/start.conf", encoding="utf-8") as f:
        words = [line.strip() for line in f if line.strip() and not line.startswith("#")]
    assert words == ["manual"]
    assert "start.conf" in node.keeper.log_text()
    assert node.value("SHOW config_file") == f"{etc}/postgresql.conf"
    with open(f"{etc}/pg_hba.conf", encoding="utf-8") as f:
        assert "pgaf_replicator" in f.read()
