# SPDX-License-Identifier: PostgreSQL
"""--init-file: the application's database appears with what belongs into it, or not yet."""
import os

from harness import proc
from harness.cluster import APP_PASSWORD, Monitor

TABLE = "CREATE TABLE users (id serial PRIMARY KEY, name text);\n"


def options(cluster, file):
    password = os.path.join(cluster.directory, "app-password")
    with open(password, "w", encoding="ascii") as f:
        f.write(APP_PASSWORD + "\n")
    os.chmod(password, 0o600)
    os.chmod(cluster.directory, 0o755)
    return ("--dbname", "shop", "--username", "app", "--password-file", password,
            "--init-file", file)


def write(file, text):
    with open(file, "w", encoding="ascii") as f:
        f.write(text)
    os.chmod(file, 0o644)


def databases(node):
    return {row[0] for row in node.sql("SELECT datname FROM pg_database WHERE NOT datistemplate")}


def test_made_once_and_as_a_whole(cluster):
    """A broken file makes nothing; the mended one makes all of it, owned by the application; and
    neither a restart nor a failover runs it again."""
    file = os.path.join(cluster.directory, "init.sql")
    write(file, TABLE + "SELECT nonsense;\n")
    cluster.start_monitor()
    node = cluster.add_node(options=options(cluster, file)).start()
    proc.wait_for(lambda: "nonsense" in node.keeper.log_text(), 60,
                  lambda: f"the error is logged: {node.keeper.log_text()}")
    assert "shop" not in databases(node)

    write(file, TABLE + "INSERT INTO users (name) VALUES ('first');\n")
    proc.wait_for(lambda: "shop" in databases(node), 60,
                  lambda: f"the database is made: {node.keeper.log_text()}")
    assert databases(node) == {"postgres", "shop"}
    assert node.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'users'",
                    "shop") == [("app",)]

    second = cluster.add_node(options=options(cluster, file)).start()
    cluster.wait_settled(60)
    assert node.stop() == 0
    proc.wait_for(lambda: cluster.primary() is second, 30, "the standby takes over")
    assert second.sql("SELECT name FROM users", "shop") == [("first",)]
    assert databases(second) == {"postgres", "shop"}


def test_what_is_wrong_is_said_at_the_start(cluster):
    """A file that is not there, or no database for it: exit 2 before anything is made."""
    cluster.monitor = Monitor(cluster)
    file = os.path.join(cluster.directory, "init.sql")
    for wrong, word in ((("--dbname", "shop", "--init-file", file), "cannot be read"),
                        (("--init-file", file), "needs dbname"),
                        (("--dbname", "shop", "--init-file", "init.sql"), "begin with /")):
        node = cluster.add_node(options=wrong).start()
        assert node.keeper.wait(20) == 2
        assert word in node.keeper.log_text()
        assert not os.path.exists(node.pgdata)
