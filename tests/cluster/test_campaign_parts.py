# SPDX-License-Identifier: PostgreSQL
"""The campaign's tools do what they say: a nemesis that hurts nobody would prove nothing."""
import errno
import os
import time

import pytest

from harness import disk, preload, proc


@pytest.fixture
def small_disk(directory):
    disk.share(directory)
    place = disk.Disk(os.path.join(directory, "image"), os.path.join(directory, "place"))
    yield place
    place.close()
    disk.unshare(directory)


def put(place, name, sync):
    with open(os.path.join(place.mount_point, name), "wb") as f:
        f.write(b"x" * 10000)
        if sync:
            f.flush()
            os.fsync(f.fileno())


def test_a_power_cut_loses_what_was_not_synced(small_disk):
    put(small_disk, "synced", True)
    put(small_disk, "not-synced", False)
    small_disk.cut_power()
    small_disk.unmount()
    small_disk.mount()
    sizes = {e.name: e.stat().st_size for e in os.scandir(small_disk.mount_point)}
    assert sizes["synced"] == 10000 and not sizes.get("not-synced")


def test_what_was_not_synced_is_when_the_disk_is(small_disk):
    put(small_disk, "not-synced", False)
    small_disk.sync()
    small_disk.cut_power()
    small_disk.unmount()
    small_disk.mount()
    assert os.path.getsize(os.path.join(small_disk.mount_point, "not-synced")) == 10000


def test_a_full_disk_takes_nothing_more(small_disk):
    small_disk.fill()
    with pytest.raises(OSError) as caught:
        put(small_disk, "more", True)
    assert caught.value.errno == errno.ENOSPC
    small_disk.empty()
    put(small_disk, "more", True)


def test_a_read_only_disk_is_good_again_once_repaired(small_disk):
    put(small_disk, "before", True)
    small_disk.turn_read_only()
    with pytest.raises(OSError) as caught:
        put(small_disk, "more", True)
    assert caught.value.errno == errno.EROFS
    small_disk.unmount()
    small_disk.repair()
    small_disk.mount()
    put(small_disk, "more", True)
    assert os.path.exists(os.path.join(small_disk.mount_point, "before"))


def test_a_restored_disk_is_the_older_one(small_disk):
    put(small_disk, "old", True)
    small_disk.copy()
    put(small_disk, "new", True)
    small_disk.unmount()
    small_disk.restore()
    small_disk.mount()
    assert {"old"} == {e.name for e in os.scandir(small_disk.mount_point)} - {"lost+found"}


def shown(faults, code):
    return proc.run(["/usr/bin/python3", "-c", code], env=faults.env).stdout.split()


def test_preloaded_clock_jumps_and_the_monotonic_one_does_not(directory):
    faults = preload.Faults(directory, "host", preload.build(directory))
    code = "import time; print(time.time(), time.monotonic())"
    for seconds in (-3600, 86400, 0):
        faults.set(clock_offset_ns=seconds * 10 ** 9)
        wall, steady = (float(word) for word in shown(faults, code))
        assert abs(wall - time.time() - seconds) < 10
        assert abs(steady - time.monotonic()) < 10


def test_preloaded_fsync_is_slow_and_hangs(directory):
    faults = preload.Faults(directory, "host", preload.build(directory))
    code = ("import os, time; f = os.open('.', os.O_RDONLY);"
            "t = time.monotonic(); os.fsync(f); print(time.monotonic() - t)")
    faults.set(fsync_delay_ms=300)
    assert float(shown(faults, code)[0]) >= 0.3
    faults.set(fsync_delay_ms=0, fsync_hangs=1)
    hanging = proc.Daemon("hanging", ["/usr/bin/python3", "-c", code],
                          os.path.join(directory, "hanging.log"), env=faults.env).start()
    with pytest.raises(proc.Timeout):
        hanging.wait(0.7)
    faults.set(fsync_hangs=0)
    assert hanging.wait(5) == 0
    faults.set(fsync_delay_ms=2000, fsync_skipped=1)
    assert float(shown(faults, code)[0]) < 2


def connect_seconds(host, to):
    """How long it takes to be refused: one frame there, one back."""
    code = ("import socket, sys, time\nt = time.monotonic()\n"
            "try: socket.create_connection((sys.argv[1], 9), timeout=5)\n"
            "except ConnectionRefusedError: print(time.monotonic() - t)")
    return float(proc.run(["/usr/bin/python3", "-c", code, to], wrap=host.wrap()).stdout)


@pytest.mark.namespaces
def test_a_relay_delays_and_is_gone_without_a_trace(net):
    client = net.add_host("client")
    net.add_host("a")
    relay = net.start_relay("a", delay_ms=100, jitter_ms=0, twice_percent=50, seed=1)
    assert 0.2 <= connect_seconds(client, "a") < 2
    net.stop_relay("a", relay)
    assert connect_seconds(client, "a") < 0.2


@pytest.mark.namespaces
def test_a_held_cut_ends_alone(net):
    client, _, b = (net.add_host(name) for name in ("client", "a", "b"))
    net.hold("one", {("client", "a")})
    net.hold("other", {("client", "b")})
    net.let_go("one")
    assert connect_seconds(client, "a") < 2
    net.hold("lossy", {("client", "a"), ("a", "client")}, "lossy20")
    code = ("import socket, sys\n"
            "try: socket.create_connection((sys.argv[1], 9), timeout=0.5)\n"
            "except Exception as e: print(type(e).__name__)")
    assert proc.run(["/usr/bin/python3", "-c", code, b.name],
                    wrap=client.wrap()).stdout.strip() == "TimeoutError"
