# SPDX-License-Identifier: PostgreSQL
"""Hosts as network namespaces on one bridge, and faults of the network between them.

The bridge lives in a namespace of its own, so no address of a test is ever known to the machine
and two runs cannot meet. Frames are dropped on the bridge, by one transaction of nft: neither a
RST nor an ICMP error comes back, and since every host knows the others' hardware addresses for
good, no failing ARP gives the cut away either. To the rest, a cut-off host has lost its power.
"""
import ctypes
import fcntl
import os
import shutil
import socket
import struct
from contextlib import contextmanager

from . import proc

CLONE_NEWNET = 0x40000000
SIOCETHTOOL = 0x8946
ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO = 0x17, 0x1F, 0x24
RELAY = os.path.join(os.path.dirname(__file__), "relay.py")
SETS = ("pairs", "lossy5", "lossy20")
RELAYED = "-r"		# the bridge's port of a host whose frames pass through a relay (relay.py)

RULES = """
table bridge cut {
	set pairs { type ifname . ifname; }
	set lossy5 { type ifname . ifname; }
	set lossy20 { type ifname . ifname; }
	chain forward {
		type filter hook forward priority 0; policy accept;
		iifname . oifname @pairs drop
		iifname . oifname @lossy5 numgen random mod 100 < 5 drop
		iifname . oifname @lossy20 numgen random mod 100 < 20 drop
	}
}
"""


def sh(*argv, stdin=None):
    return proc.run(list(argv), stdin=stdin)


class Host:
    """One namespace: a name that all others resolve, an address, and a /run of its own."""

    def __init__(self, net, name, number):
        self.net = net
        self.name = name
        self.address = f"10.77.{net.number}.{number}"
        self.mac = f"02:77:00:{net.number:02x}:00:{number:02x}"
        self.ns = f"{net.tag}-{name}"
        self.run_dir = proc.make_directory(os.path.join(net.directory, "run", name))

    def wrap(self):
        """Words to put before a command that shall run on this host.

        Each host has its own /run/postgresql, for sockets of the same port do not clash.
        """
        script = f'mount --bind {self.run_dir} /run/postgresql && exec "$@"'
        return ["ip", "netns", "exec", self.ns, "sh", "-c", script, "sh"]

    @contextmanager
    def entered(self):
        """Sockets made meanwhile belong to this host, and stay there."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net", "rb") as home, \
                open(f"/run/netns/{self.ns}", "rb") as there:
            if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns({self.ns})")
            try:
                yield
            finally:
                libc.setns(home.fileno(), CLONE_NEWNET)


    def compute_checksums(self):
        """In software, before a frame leaves: a relay would forward what a device was to fill in,
        and pieces larger than a frame."""
        with self.entered(), socket.socket() as s:
            for what in (ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_STXCSUM):
                value = ctypes.create_string_buffer(struct.pack("=II", what, 0))
                request = struct.pack("16sP16x", b"eth0", ctypes.addressof(value))
                fcntl.ioctl(s.fileno(), SIOCETHTOOL, request)


class Net:
    def __init__(self, directory):
        self.directory = directory
        self.tag = f"pgaf{os.getpid()}"
        self.number = os.getpid() % 250 + 1
        self.hosts = {}
        self.dropped = set()
        self.held = {}		# by owner, each of which ends by itself: (set's name, pairs)
        self.switch = f"{self.tag}-sw"
        sweep_stale()
        proc.make_directory("/run/postgresql", mode=0o2775)
        sh("ip", "netns", "add", self.switch)
        try:
            sh("ip", "-n", self.switch, "link", "add", "br0", "type", "bridge")
            sh("ip", "-n", self.switch, "link", "set", "br0", "up")
            self._nft(RULES)
        except BaseException:
            self.close()		# nobody has it yet who would
            raise

    def _nft(self, text):
        sh("nsenter", f"--net=/run/netns/{self.switch}", "nft", "-f", "-", stdin=text)

    def add_host(self, name):
        host = Host(self, name, len(self.hosts) + 1)
        sw, ns = self.switch, host.ns
        etc = proc.make_directory(f"/etc/netns/{ns}", owner="root")
        sh("ip", "netns", "add", ns)
        sh("ip", "-n", ns, "link", "set", "lo", "up")
        sh("ip", "-n", sw, "link", "add", "name", name, "type", "veth", "peer", "name", "eth0",
           "address", host.mac, "netns", ns)
        sh("ip", "-n", sw, "link", "set", "dev", name, "master", "br0", "up")
        sh("ip", "netns", "exec", ns, "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1")
        sh("ip", "-n", ns, "address", "add", f"{host.address}/24", "dev", "eth0")
        sh("ip", "-n", ns, "link", "set", "eth0", "up")
        with open(f"{etc}/resolv.conf", "w", encoding="ascii") as f:
            f.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        for other in self.hosts.values():
            self._neighbour(host, other)
            self._neighbour(other, host)
        self.hosts[name] = host
        self._write_names()
        return host

    @staticmethod
    def _neighbour(host, other):
        sh("ip", "-n", host.ns, "neigh", "replace", other.address, "lladdr", other.mac,
           "dev", "eth0", "nud", "permanent")

    def _write_names(self):
        text = "127.0.0.1 localhost\n::1 localhost\n"
        text += "".join(f"{h.address} {h.name}\n" for h in self.hosts.values())
        for host in self.hosts.values():
            # Rewritten in place: running processes have this very file bound over /etc/hosts.
            with open(f"/etc/netns/{host.ns}/hosts", "w", encoding="ascii") as f:
                f.write(text)

    # Faults. Each takes effect before the call returns; sessions notice by silence only.

    def cut(self, a, b, both=True):
        """Drop everything from host `a` to host `b`, and back unless told otherwise."""
        self.dropped |= {(a, b)} | ({(b, a)} if both else set())
        self._apply()

    def cut_off(self, name):
        """Drop everything from and to one host."""
        for other in self.hosts:
            if other != name:
                self.dropped |= {(name, other), (other, name)}
        self._apply()

    def heal(self):
        self.dropped = set()
        self.held = {}
        self._apply()

    def hold(self, owner, pairs, what="pairs"):
        """Drop what goes between these pairs (or a part of it: lossy5, lossy20) until let go."""
        self.held[owner] = (what, set(pairs))
        self._apply()

    def let_go(self, owner):
        self.held.pop(owner, None)
        self._apply()

    def _apply(self):
        text = ""
        for name in SETS:
            pairs = set().union(self.dropped if name == "pairs" else (),
                                *(p for what, p in self.held.values() if what == name))
            text += f"flush set bridge cut {name}\n"
            if pairs:
                names = ", ".join(f'"{i}" . "{o}"' for a, b in sorted(pairs)
                                  for i in (a, a + RELAYED) for o in (b, b + RELAYED))
                text += f"add element bridge cut {name} {{ {names} }}\n"
        self._nft(text)

    # A relay between a host and the switch.

    def start_relay(self, name, *, delay_ms, jitter_ms, twice_percent, seed):
        """Frames from and to a host come late, perhaps out of order, perhaps twice."""
        sw, tap = self.switch, name + RELAYED
        self.hosts[name].compute_checksums()
        relay = proc.Daemon(
            f"relay-{name}", ["/usr/bin/python3", "-B", RELAY, name, str(delay_ms), str(jitter_ms),
                              str(twice_percent), str(seed)],
            os.path.join(self.directory, f"relay-{name}.log"),
            wrap=["nsenter", f"--net=/run/netns/{sw}"]).start()
        proc.wait_for(lambda: proc.run(["ip", "-n", sw, "link", "show", tap],
                                       check=False).returncode == 0, 5,
                      lambda: f"the relay of {name} starts\n{relay.log_tail()}")
        sh("ip", "-n", sw, "link", "set", "dev", tap, "master", "br0", "up")
        sh("ip", "-n", sw, "link", "set", "dev", name, "nomaster")
        return relay

    def stop_relay(self, name, relay):
        relay.stop()
        sh("ip", "-n", self.switch, "link", "set", "dev", name, "master", "br0", "up")

    def close(self):
        for ns in [self.switch, *(h.ns for h in self.hosts.values())]:
            remove_namespace(ns)


def remove_namespace(ns, check=True):
    proc.run(["ip", "netns", "delete", ns], check=check)
    shutil.rmtree(f"/etc/netns/{ns}", ignore_errors=True)


def sweep_stale():
    """Remove namespaces of test runs that were killed before they could clean up."""
    for line in sh("ip", "netns", "list").stdout.splitlines():
        ns = line.split()[0]
        if ns.startswith("pgaf") and "-" in ns:
            pid = ns[4:ns.index("-")]
            if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
                remove_namespace(ns, check=False)		# another run may sweep as well
