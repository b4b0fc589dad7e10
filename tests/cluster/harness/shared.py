# SPDX-License-Identifier: PostgreSQL
"""One cluster for the tests of a file, made again when a test has left it broken."""
import os

from . import proc
from .cluster import Cluster
from .net import Net


class Shared:
    def __init__(self, directory, with_hosts, nodes=2):
        self.directory = directory
        self.with_hosts = with_hosts
        self.nodes = nodes
        self.cluster = None
        self.made = 0

    def get(self):
        """The cluster: primary + secondary, the table there, HAProxy running, no writer."""
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
        name = f"{'hosts' if self.with_hosts else 'local'}{self.made}"
        directory = proc.make_directory(os.path.join(self.directory, name))
        self.net = Net(directory) if self.with_hosts else None
        self.cluster = Cluster(directory, self.net)
        print(f"cluster ready after {self.cluster.start_new(self.nodes):.1f} s, in {directory}")
        self.cluster.create_table()
        self.cluster.start_haproxy()

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

    def close(self):
        if self.cluster:
            self.cluster.close()
            proc.sweep(self.cluster.directory)
        if self.cluster and self.net:
            self.net.close()
        self.cluster = None
