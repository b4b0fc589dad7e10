# SPDX-License-Identifier: PostgreSQL
"""The harness itself, against PostgreSQL alone: what it cuts is cut, what it counts is there.

The outages measured here are the floor: the test knows of the fault at once and promotes by hand.
"""
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness import plain, proc, writes
from harness.haproxy import HAProxy, Ports

HAPROXY = """
global
	maxconn 100
defaults
	mode tcp
	timeout connect 1s
	retries 0
	timeout client 10m
	timeout server 10m
listen read-write
	bind 127.0.0.1:{ports.read_write}
	option httpchk OPTIONS /primary
	default-server inter 50ms fall 1 rise 1 on-marked-down shutdown-sessions
	server a 127.0.0.1:{a.port} check port {health_a}
	server b 127.0.0.1:{b.port} check port {health_b}
listen read-only
	bind 127.0.0.1:{ports.read_only}
	server b 127.0.0.1:{b.port}
listen stats
	bind 127.0.0.1:{ports.stats}
	mode http
	stats uri /
"""


@pytest.fixture
def hosts(net):
    return {name: net.add_host(name) for name in ("a", "b", "client")}


@pytest.fixture
def net_pair(directory, hosts):
    places = [(hosts[n].address, 5432, hosts[n].wrap()) for n in ("a", "b")]
    pair = plain.make_pair(directory, places)
    yield pair
    for instance in pair:
        instance.daemon.kill()


def start_writer(directory, pair, wrap=(), name="client", **settings):
    pair[0].sql(writes.CREATE)
    return writes.Writer(name, [(i.name, i.conninfo()) for i in pair], directory, wrap,
                         **settings).start()


def ids(instance):
    return [row[0] for row in instance.sql(f"SELECT id FROM {writes.TABLE}")]


def test_crash_floor(directory, local_pair, figures, bound):
    """SIGKILL and an immediate promotion: the writer finds the new primary by itself."""
    a, b = local_pair
    writer = start_writer(directory, local_pair)
    start = time.monotonic_ns()
    writer.wait_acks(300, 10)
    rate = writer.rate(start)
    assert rate >= 150
    t = plain.crash(a)
    b.sql("SELECT pg_promote(false)")
    writer.wait_ack(t, 8, target="b")
    writer.wait_acks(50, 5)
    writer.stop()
    acked, lost = writes.check_lost([writer], ids(b))
    figures("harness: crash, promoted by hand", outage_ms=[writer.outage(t)], acked=acked,
            lost=len(lost), commits_per_s=round(rate), measuring_late_ms=round(writer.late(start)))
    assert not lost
    assert writer.outage(t) < bound(500)


def test_quiet_writer(directory, local_pair, figures):
    """Without a fault the writer sees no gap of its own making."""
    writer = start_writer(directory, local_pair)
    start = time.monotonic_ns()
    writer.wait_acks(800, 20)
    writer.stop()
    assert not writer.troubles(start)
    figures("harness: no fault", outage_ms=[writer.outage(start)],
            acked=len(writer.acked), lost=0, measuring_late_ms=round(writer.late(start)))


@pytest.fixture
def health():
    """Two servers of health checks; health[i].primary decides the answer."""
    class Handler(BaseHTTPRequestHandler):
        def do_OPTIONS(self):  # pylint: disable=invalid-name
            self.send_response(200 if self.server.primary else 503)
            self.end_headers()

        def log_message(self, *_):
            pass
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    for server in servers:
        server.primary = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


def test_haproxy_floor(directory, local_pair, health, figures, bound):
    """Through HAProxy the writer follows the health checks, and loses nothing either."""
    a, b = local_pair
    a.sql(writes.CREATE)
    health[0].primary = True
    ports = Ports()
    text = HAPROXY.format(a=a, b=b, ports=ports, health_a=health[0].server_port,
                          health_b=health[1].server_port)
    proxy = HAProxy(directory, text, ports).start()
    target = a.conninfo().replace(f"port={a.port}", f"port={ports.read_write}")
    writer = writes.Writer("proxied", [("haproxy", target)], directory).start()
    writer.wait_acks(100, 10)
    t = plain.crash(a)
    b.sql("SELECT pg_promote(false)")
    health[0].primary, health[1].primary = False, True
    writer.wait_ack(t + 1, 10)
    writer.wait_acks(50, 10)
    writer.stop()
    proxy.daemon.stop()
    acked, lost = writes.check_lost([writer], ids(b))
    figures("harness: crash through HAProxy, by hand", outage_ms=[writer.outage(t)],
            acked=acked, lost=len(lost))
    assert not lost
    assert writer.outage(t) < bound(700)


def test_a_warning_is_no_acknowledgement(directory, local_pair):
    """A commit whose wait for the standby was cancelled counts as unknown."""
    a, b = local_pair
    writer = start_writer(directory, local_pair)
    b.daemon.send(signal.SIGSTOP)
    receiver = proc.find_backend(b.daemon.pid, "walreceiver")
    proc.send(receiver, signal.SIGSTOP)
    proc.wait_for(lambda: a.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event='SyncRep'"), 5,
                  "a commit waits")
    mark = time.monotonic_ns()
    a.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event='SyncRep'")
    found = proc.wait_for(lambda: [u for u in writer.refresh().unknown if u[0] >= mark], 5,
                          "the writer notes a commit as unknown")
    assert "warning" in found[0][3].lower()
    proc.send(receiver, signal.SIGCONT)
    b.daemon.send(signal.SIGCONT)
    writer.wait_acks(10, 10)
    writer.stop()


def test_checker_finds_a_lost_row(directory, local_pair):
    """An acknowledged row that is gone is reported, so a report of 0 means something."""
    a, _ = local_pair
    writer = start_writer(directory, local_pair)
    writer.wait_acks(50, 5)
    writer.stop()
    victim = writer.acked[7][1]
    a.sql(f"DELETE FROM {writes.TABLE} WHERE id = {victim}")
    acked, lost = writes.check_lost([writer], ids(a))
    assert acked == len(writer.acked) and lost == [victim]


@pytest.mark.namespaces
def test_cut_off_host_is_silent(net, hosts):
    """Nothing answers across a cut, neither RST nor ICMP; the other pairs go on."""
    def connect(host, to, seconds):
        code = ("import socket,sys\n"
                "try: socket.create_connection((sys.argv[1], 9), timeout=float(sys.argv[2]))\n"
                "except Exception as e: print(type(e).__name__)")
        return proc.run(["/usr/bin/python3", "-c", code, to, str(seconds)],
                        wrap=host.wrap()).stdout.strip()
    assert connect(hosts["client"], "a", 1) == "ConnectionRefusedError"
    net.cut_off("a")
    assert connect(hosts["client"], "a", 1) == "TimeoutError"
    assert connect(hosts["a"], "b", 1) == "TimeoutError"
    assert connect(hosts["client"], "b", 1) == "ConnectionRefusedError"
    net.heal()
    assert connect(hosts["client"], "a", 1) == "ConnectionRefusedError"
    net.cut("client", "a", both=False)
    assert connect(hosts["client"], "a", 1) == "TimeoutError"
    assert connect(hosts["b"], "a", 1) == "ConnectionRefusedError"


@pytest.mark.namespaces
def test_partition_floor(directory, net, hosts, net_pair, figures, bound):
    """The primary's host vanishes, the standby is promoted: the writer leaves its dead session."""
    a, b = net_pair
    writer = start_writer(directory, net_pair, hosts["client"].wrap())
    inside = start_writer(directory, net_pair[:1], hosts["a"].wrap(), name="inside", workers=1)
    writer.wait_acks(100, 10)
    t = time.monotonic_ns()
    net.cut_off("a")
    cut = time.monotonic_ns()
    b.sql("SELECT pg_promote(false)")
    promoted = writer.wait_ack(t, 10, target="b")[0]
    writer.wait_acks(100, 10)
    writer.stop()
    inside.stop()
    after = [x for x in inside.acked if x[0] > promoted]
    acked, lost = writes.check_lost([writer, inside], ids(b))
    figures("harness: partition, promoted by hand", outage_ms=[writer.outage(t)], acked=acked,
            lost=len(lost), cut_takes_ms=round((cut - t) / 1e6, 1), acked_inside=len(after))
    assert not after and not lost
    assert [u[3] for u in inside.unknown] == ["stopped"] * len(inside.unknown)
    assert writer.outage(t) < bound(500)


@pytest.mark.namespaces
def test_names_and_ports_per_host(hosts):
    """Every host resolves the others, and has all ports for itself."""
    found = proc.run(["getent", "ahosts", "b"], wrap=hosts["a"].wrap()).stdout
    assert hosts["b"].address in found
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        assert s.getsockname()[1] > 0


def test_a_slow_program_reads_all_its_input():
    text = "line\n" * 10000
    slow = "import sys, time; time.sleep(0.2); sys.stdout.write(sys.stdin.read())"
    found = proc.run(["/usr/bin/python3", "-c", slow], stdin=text)
    assert found.stdout == text
