# SPDX-License-Identifier: PostgreSQL
"""Carries the frames of one host by hand: late, twice, out of order.

Run as a program inside the switch's namespace: PORT DELAY-MS JITTER-MS TWICE-PERCENT SEED. The
host's port has been taken out of the bridge; a TAP device named PORT-r stands in its place, and
every frame passes through here, in both directions. Frames that wait longer are overtaken by others
unless there is no jitter.
"""
import fcntl
import heapq
import os
import random
import select
import signal
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 2, 0x1000
ETH_P_ALL = 3
SO_RCVBUFFORCE = 33
OUTGOING = 4		# sll_pkttype of our own frames, which a packet socket sees again


def open_tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


def open_port(name):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    sock.bind((name, 0))
    sock.setblocking(False)
    return sock


class Relay:
    def __init__(self, port, delay_ms, jitter_ms, twice, seed):
        self.tap = open_tap(port + "-r")
        self.port = open_port(port)
        self.delay, self.jitter, self.twice = delay_ms / 1000, jitter_ms / 1000, twice
        self.random = random.Random(seed)
        self.waiting = []
        self.count = 0
        self.stopping = False

    def take(self, frame, send):
        copies = 2 if self.random.randrange(100) < self.twice else 1
        for _ in range(copies):
            self.count += 1
            due = time.monotonic() + self.delay + self.random.random() * self.jitter
            heapq.heappush(self.waiting, (due, self.count, frame, send))

    def take_all(self):
        try:
            while True:
                frame, address = self.port.recvfrom(65535)
                if address[2] != OUTGOING:
                    self.take(frame, self.to_tap)
        except BlockingIOError:
            pass
        try:
            while True:
                self.take(os.read(self.tap, 65535), self.to_port)
        except BlockingIOError:
            pass

    def to_tap(self, frame):
        os.write(self.tap, frame)

    def to_port(self, frame):
        self.port.send(frame)

    def run(self):
        while not self.stopping:
            left = self.waiting[0][0] - time.monotonic() if self.waiting else 0.2
            select.select([self.tap, self.port], [], [], max(0, min(left, 0.2)))
            self.take_all()
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                _, _, frame, send = heapq.heappop(self.waiting)
                try:
                    send(frame)
                except OSError:
                    pass		# the receiver's queue is full: a frame is lost


def main():
    port, *numbers = sys.argv[1:]
    relay = Relay(port, *(int(n) for n in numbers))

    def stop(*_):
        relay.stopping = True
    signal.signal(signal.SIGTERM, stop)
    relay.run()


if __name__ == "__main__":
    main()
