# SPDX-License-Identifier: PostgreSQL
"""One cluster for the tests of a file, made again when a test has left it broken; and a pool from
which files take it and give it back when it is as it was made."""
import os
import shutil

import psycopg2

from . import proc, writes
from .cluster import Cluster
from .net import Net


class Shared:
    def __init__(self, directory, with_hosts, nodes=2):
        self.directory = directory
        self.with_hosts = with_hosts
        self.nodes = nodes
        self.cluster = None
        self.as_made = None
        self.made = 0

    def get(self):
        """The cluster: primary + secondary, the table there, HAProxy running, no writer; of one
        node the same without HAProxy."""
        if self.cluster:
            try:
                self._repair()
                return self.cluster
            except (AssertionError, OSError) as error:
                print(f"the cluster of the test before is of no use any more: {error}")
                self.close()
        self._make()
        return self.cluster

    def _make(self):
        self.made += 1
        kind = "hosts" if self.with_hosts else "local" if self.nodes > 1 else "single"
        directory = proc.make_directory(os.path.join(self.directory, f"{kind}{self.made}"))
        self.net = Net(directory) if self.with_hosts else None
        self.cluster = Cluster(directory, self.net)
        print(f"cluster ready after {self.cluster.start_new(self.nodes):.1f} s, in {directory}")
        self.cluster.create_table()
        if self.nodes > 1:
            self.cluster.start_haproxy()
        self.as_made = picture(self.cluster)

    def _repair(self):
        c = self.cluster
        if self.net:
            self.net.heal()
        for writer in c.writers:
            writer.daemon.kill()
        c.writers.clear()
        for daemon in c.daemons():
            if not daemon.running():
                daemon.start()
        for node in c.nodes:
            node.wake()
        c.wait_settled(20)

    def what_changed(self):
        """Why another file cannot have this cluster; empty when nothing is in the way."""
        if not self.cluster:
            return "there is none"
        try:
            self._repair()
            self.cluster.primary().sql(f"TRUNCATE {writes.TABLE}")
            now = picture(self.cluster)
        except (AssertionError, OSError, psycopg2.Error) as error:
            return str(error)
        return "\n".join(f"{key} was {value}, is {now.get(key)}"
                         for key, value in self.as_made.items() if now.get(key) != value)

    def hand_over(self):
        """What was logged until now is no concern of the tests to come."""
        for daemon in self.cluster.daemons():
            daemon.log_mark = os.path.getsize(daemon.log)

    def close(self):
        if self.cluster:
            self.cluster.close()
            proc.sweep(self.cluster.directory)
        if self.cluster and self.net:
            self.net.close()
        self.cluster = None


# What a node has of roles, databases, tables and settings, but for what its role brings along.
CONTENTS = """SELECT 'role', rolname::text, rolsuper::text FROM pg_roles
    UNION ALL SELECT 'database', datname, '' FROM pg_database
    UNION ALL SELECT 'relation', relname, relkind::text FROM pg_class
        WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_toast'
            OR nspname IN ('pg_catalog', 'information_schema'))
    UNION ALL SELECT 'for a role or a database', setrole::text, setconfig::text
        FROM pg_db_role_setting
    UNION ALL SELECT 'setting', name, setting FROM pg_settings WHERE sourcefile IS NOT NULL
        AND name NOT IN ('synchronous_standby_names', 'primary_conninfo', 'primary_slot_name')
    UNION ALL SELECT 'waits for a restart', name, '' FROM pg_settings WHERE pending_restart
    UNION ALL SELECT 'slot', slot_name, '' FROM pg_replication_slots
    ORDER BY 1, 2"""


def picture(cluster):
    """What a file of tests must leave as it was for the next one."""
    names = {f"pgaf_{n['node_id']}": n["name"] for n in cluster.state()["nodes"]}
    found = {"settings": cluster.ctl_json("show", "settings"),
             "commands": [(d.name, [*d.argv], {**d.env}, [*d.wrap]) for d in cluster.daemons()],
             "servers": [x.sql("SELECT system_identifier FROM pg_control_system()")
                         for x in (cluster.monitor, *cluster.nodes)],
             "processes": strangers(cluster)}
    for node in cluster.nodes:
        rows = [(kind, names.get(name, name) if kind == "slot" else name, value)
                for kind, name, value in node.sql(CONTENTS)]
        found[f"contents of {node.name}"] = rows
    return found


def strangers(cluster):
    """Processes of the cluster's directory which none of its daemons and servers has started."""
    servers = [proc.postmaster_pid(x.pgdata) for x in (cluster.monitor, *cluster.nodes)]
    daemons = cluster.daemons() + ([cluster.haproxy.daemon] if cluster.haproxy else [])
    tops = [d.pid for d in daemons] + servers
    known = {pid for top in tops if top for pid in (top, *proc.descendants(top))}
    return sorted(proc.command_line(pid) for pid in proc.ours(cluster.directory) - known)


class Pool:
    """Files of tests take a settled pair and give it back; it goes on to the next file when it
    is whole, and ends otherwise."""

    def __init__(self, directory, keep):
        self.directory = directory
        self.keep = keep
        self.idle = None
        self.made = 0

    def take(self):
        pair, self.idle = self.idle, None
        if pair:
            pair.hand_over()
            return pair
        self.made += 1
        path = os.path.join(self.directory, f"pair{self.made}")
        return Shared(proc.make_directory(path), with_hosts=False)

    def give_back(self, pair, failed, last):
        """Returns what was left running after an end, as own directories of tests do."""
        why = "a test failed" if failed else "nobody needs it" if last else pair.what_changed()
        if not why:
            self.idle = pair
            return []
        print(f"{pair.directory} is not handed on: {why}")
        return self._end(pair, failed)

    def _end(self, pair, failed):
        pair.close()
        left = proc.sweep(pair.directory)
        if not failed and not self.keep:
            shutil.rmtree(pair.directory, ignore_errors=True)
        return [] if failed else left

    def close(self):
        if self.idle:
            self._end(self.idle, False)
