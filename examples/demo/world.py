# SPDX-License-Identifier: PostgreSQL
"""What the demo plays with: daemons as processes, their ports, the outcomes of the writer.

The demo makes itself the reaper of all orphans below it, so it can end everything it ever
started, and nothing else, whatever happens.
"""
import bisect
import contextlib
import ctypes
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36


class Failed(Exception):
    """A step did not happen, or not in time."""


def wait_for(condition, deadline, what, interval=0.02):
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"not within {deadline} s: {what}")
        time.sleep(interval)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def shown(argv):
    """A command line as one would type it."""
    words = [os.path.basename(argv[0]), *argv[1:]]
    return " ".join(word if re.fullmatch(r"[\w@%+=:,./?&-]+", word) else f"'{word}'"
                    for word in words)


def command(argv, check=True, user=None, timeout=70):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, user=user,
                          timeout=timeout, stdin=subprocess.DEVNULL, cwd="/")
    if check and done.returncode != 0:
        raise Failed(f"{shown(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class World:
    """A directory, and every process below the demo."""

    def __init__(self):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.directory = f"/tmp/pgaf-demo-{os.getpid()}"
        os.mkdir(self.directory, 0o755)
        self.own(self.directory)
        self.daemons = {}

    @staticmethod
    def own(path):
        entry = pwd.getpwnam("postgres")
        os.chown(path, entry.pw_uid, entry.pw_gid)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def start(self, name, argv):
        with open(self.path(f"{name}.log"), "ab") as log:
            self.daemons[name] = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                start_new_session=True)

    def stop(self, name, deadline=12):
        """SIGTERM, as `docker stop` does; anything but exit code 0 is a failure."""
        self.daemons[name].send_signal(signal.SIGTERM)
        try:
            code = self.daemons[name].wait(deadline)
        except subprocess.TimeoutExpired:
            raise Failed(f"{name} does not stop within {deadline} s") from None
        if code != 0:
            raise Failed(f"{name} stops with exit code {code}")

    def postmaster(self, name):
        with open(self.path(name, "data", "postmaster.pid"), encoding="utf-8") as f:
            return f.read().splitlines()

    def kill(self, name):
        """SIGKILL of the postmaster and of the keeper, at the same moment."""
        pids = [int(self.postmaster(name)[0]), self.daemons[name].pid]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.daemons[name].wait()
        return pids

    def check_alive(self):
        for name, process in self.daemons.items():
            if process.poll() not in (None, 0, -signal.SIGKILL):
                raise Failed(f"{name} ended with exit code {process.returncode}")

    def log_tails(self, lines=8):
        for name in self.daemons:
            with open(self.path(f"{name}.log"), encoding="utf-8", errors="replace") as f:
                tail = f.read().splitlines()[-lines:]
            yield f"--- the end of {name}.log\n" + "\n".join(tail)

    def close(self, keep):
        """End all that is left, gently first; remove the directory."""
        for process in self.daemons.values():
            if process.poll() is None:
                process.terminate()
        end = time.monotonic() + 10
        while descendants(os.getpid()) and time.monotonic() < end:
            self.reap()
            time.sleep(0.05)
        end = time.monotonic() + 10
        while descendants(os.getpid()) and time.monotonic() < end:
            for pid in descendants(os.getpid()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.reap()
            time.sleep(0.05)
        for pid in descendants(os.getpid()):
            print(f"process {pid} does not end, though it was killed")
        if keep:
            print(f"logs and data are in {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def reap_postmasters(self):
        """Collect servers whose keeper was killed, as the init of a machine would."""
        for pid in descendants(os.getpid()):
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                    if "(postgres) Z" in f.read():
                        os.waitpid(pid, os.WNOHANG)
            except (OSError, ChildProcessError):
                pass

    def reap(self):
        ours = {process.pid for process in self.daemons.values()}
        for process in self.daemons.values():
            process.poll()
        for pid in descendants(os.getpid()):
            if pid not in ours:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass


def descendants(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
                direct = [int(word) for word in f.read().split()]
        except (FileNotFoundError, ProcessLookupError):		# it has ended
            continue
        for child in direct:
            found.append(child)
            try:
                found += descendants(child)
            except (FileNotFoundError, ProcessLookupError):
                pass
    return found


class Outcomes:
    """What the writer noted so far."""

    def __init__(self, path):
        self.path = path
        self.times, self.ids = [], []
        self.read = 0

    def refresh(self):
        with open(self.path, encoding="ascii") as f:
            f.seek(self.read)
            for line in iter(f.readline, ""):
                if not line.endswith("\n"):
                    break
                self.read += len(line)
                outcome, ident, at = line.split()
                if outcome == "acknowledged":
                    self.times.append(float(at))
                    self.ids.append(int(ident))
        return self

    def since(self, t):
        """Number of acknowledgements after a moment."""
        return len(self.refresh().times) - bisect.bisect_right(self.times, t)

    def outage_ms(self, start, end):
        """The longest pause between two acknowledgements around an event."""
        first = max(bisect.bisect_left(self.times, start) - 1, 0)
        window = self.times[first:bisect.bisect_right(self.times, end) + 1]
        gaps = [b - a for a, b in zip(window, window[1:])]
        return 1000 * max(gaps) if gaps else float("inf")

    def ids_between(self, start, end):
        return self.ids[bisect.bisect_left(self.times, start):bisect.bisect_left(self.times, end)]
