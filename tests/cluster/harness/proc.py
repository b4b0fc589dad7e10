# SPDX-License-Identifier: PostgreSQL
"""Processes: start daemons, know their whole trees, signal them by pid, wait for conditions.

The test run makes itself a child subreaper, so every process that any daemon leaves behind
becomes a child of the run: nothing can outlive it unseen, and nothing else is ever signalled.
"""
import ctypes
import os
import pwd
import signal
import subprocess
import time
from contextlib import contextmanager

PR_SET_CHILD_SUBREAPER = 36

_popen_pids = set()		# children that a Popen object waits for by itself


class Timeout(AssertionError):
    """A condition did not come true within its deadline."""


def wait_for(condition, deadline, message, interval=0.01):
    """Call `condition` until it returns something true, and return that.

    `message` is a text, or a function that makes one when it is too late.
    """
    end = time.monotonic() + deadline
    while True:
        reap_orphans()
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            text = message() if callable(message) else message
            raise Timeout(f"not within {deadline:g} s: {text}")
        time.sleep(interval)


def become_subreaper():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def reap_orphans():
    """Collect dead children that were left to us, as the init of a machine would at once.

    Called wherever the run waits for anything. Not by a handler of SIGCHLD: that could take an
    exit code away from a Popen object that is just being made.
    """
    for pid in children(os.getpid()):
        if pid in _popen_pids:
            continue
        try:
            if stat(pid)[0] == "Z":
                os.waitpid(pid, os.WNOHANG)
        except (OSError, TypeError):
            pass


def stat(pid):
    """(state letter, parent's pid, name) of a process, or None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            text = f.read()
    except OSError:
        return None
    name = text[text.index("(") + 1:text.rindex(")")]
    rest = text[text.rindex(")") + 2:].split()
    return rest[0], int(rest[1]), name


def alive(pid):
    """True unless the process is gone or only a zombie."""
    s = stat(pid)
    return s is not None and s[0] not in "ZX"


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _parents():
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            s = stat(int(entry))
            if s:
                table.setdefault(s[1], []).append(int(entry))
    return table


def children(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
                found += [int(word) for word in f.read().split()]
        return found
    except FileNotFoundError:
        return _parents().get(pid, []) if stat(pid) else []


def descendants(pid):
    found, todo = [], [pid]
    while todo:
        for child in children(todo.pop()):
            found.append(child)
            todo.append(child)
    return found


def send(pid, sig):
    """Signal one process; a process that is gone already is no error."""
    try:
        os.kill(pid, sig)
        return True
    except ProcessLookupError:
        return False


def kill_all(pids, sig=signal.SIGKILL):
    for pid in pids:
        send(pid, sig)


@contextmanager
def as_user(name):
    """Be another user for a moment: file ownership and peer authentication follow."""
    entry = pwd.getpwnam(name)
    if os.geteuid() == entry.pw_uid:
        yield
        return
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def make_directory(path, owner="postgres", mode=0o755):
    os.makedirs(path, exist_ok=True)
    os.chmod(path, mode)
    entry = pwd.getpwnam(owner)
    os.chown(path, entry.pw_uid, entry.pw_gid)
    return path


def postmaster_file(pgdata):
    """The lines of postmaster.pid: pid, directory, start, port, socket directory, …; or []."""
    try:
        with open(os.path.join(pgdata, "postmaster.pid"), encoding="utf-8") as f:
            return f.read().splitlines()
    except OSError:
        return []


def postmaster_pid(pgdata):
    """Pid of the running postmaster of this data directory, else None."""
    lines = postmaster_file(pgdata)
    try:
        pid = int(lines[0])
    except (IndexError, ValueError):
        return None
    return pid if pid > 0 and alive(pid) and "postgres" in stat(pid)[2] else None


def find_backend(postmaster, title):
    """Pid of the child of a postmaster whose process title contains `title`, else None."""
    for pid in children(postmaster):
        if title in command_line(pid):
            return pid
    return None


def bare_environment():
    """Without what PostgreSQL and our tools read: PGAF_BINDIR means another thing to them."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PG", "PYTEST"))}


class Daemon:
    """One long-running program with a log file that survives its restarts."""

    def __init__(self, name, argv, log, env=None, wrap=None):
        self.name = name
        self.argv = argv
        self.log = log
        self.env = env or {}
        self.wrap = wrap or []		# for example: enter a network namespace
        self.popen = None
        self.log_mark = 0

    @property
    def pid(self):
        return self.popen.pid if self.running() else None

    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def start(self, extra=()):
        assert not self.running(), f"{self.name} is running already"
        self.log_mark = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        env = {**bare_environment(), **self.env}
        with open(self.log, "ab", buffering=0) as log:
            log.write(f"--- {self.name} started by the test at {time.monotonic():.3f}\n".encode())
            self.popen = subprocess.Popen(
                [*self.wrap, *self.argv, *extra], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=env, start_new_session=True, cwd="/")
        _popen_pids.add(self.popen.pid)
        return self

    def send(self, sig):
        assert self.running(), f"{self.name} is not running"
        self.popen.send_signal(sig)

    def send_if_running(self, sig):
        """For endings: it may end by itself in any moment, also in this one."""
        if self.popen is not None:
            self.popen.send_signal(sig)

    def wait(self, deadline):
        """Wait for the end of the program; returns its exit code (-N: by signal N)."""
        wait_for(lambda: self.popen.poll() is not None, deadline,
                 f"{self.name} (pid {self.popen.pid}) ends; the log is {self.log}", 0.005)
        code = self.popen.returncode
        _popen_pids.discard(self.popen.pid)
        return code

    def stop(self, deadline=15, sig=signal.SIGTERM):
        if not self.running():
            return None
        self.send_if_running(sig)
        return self.wait(deadline)

    def kill(self):
        if self.running():
            self.send_if_running(signal.SIGKILL)
            self.wait(5)

    def log_text(self, all_runs=False):
        """What the program logged since its last start."""
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                f.seek(0 if all_runs else self.log_mark)
                return f.read()
        except OSError:
            return ""

    def log_tail(self, lines=15):
        return "\n".join(self.log_text().splitlines()[-lines:])


def belongs(pid, directory):
    """True if a process was started for, or works in, a directory."""
    try:
        cwd = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        cwd = ""
    return f"{cwd}/".startswith(f"{directory}/") or directory in command_line(pid)


def ours(directory=None):
    """Living processes below the test run; of one directory, with all that they started."""
    found = {pid for pid in descendants(os.getpid()) if alive(pid)}
    if directory:
        found = {pid for pid in found if belongs(pid, directory)}
        found |= {d for pid in found for d in descendants(pid) if alive(d)}
    return found


def sweep(directory=None, deadline=5):
    """End every process below the test run; returns what was still there, as text."""
    left = [f"{pid}: {command_line(pid)}" for pid in ours(directory)]
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        pids = ours(directory)
        if not pids:
            break
        kill_all(pids)
        time.sleep(0.02)
    reap_orphans()
    return left


def run(argv, timeout=30, check=True, env=None, wrap=(), user=None, stdin=None):
    """Run a short program to its end; stdout and stderr as text."""
    full_env = {**bare_environment(), **(env or {})}
    pipe = subprocess.PIPE
    with subprocess.Popen([*wrap, *argv], stdout=pipe, stderr=pipe, text=True, env=full_env,
                          user=user, cwd="/",
                          stdin=subprocess.DEVNULL if stdin is None else pipe) as popen:
        _popen_pids.add(popen.pid)
        out, err = _communicate(popen, stdin, timeout)
    _popen_pids.discard(popen.pid)
    if check and popen.returncode != 0:
        raise AssertionError(f"{' '.join(argv)}: exit {popen.returncode}\n{out}{err}")
    return subprocess.CompletedProcess(argv, popen.returncode, out, err)


def _communicate(popen, stdin, timeout):
    end = time.monotonic() + timeout
    while True:
        try:
            return popen.communicate(stdin, timeout=0.05)
        except subprocess.TimeoutExpired:
            stdin = None		# the first call keeps what is left of it
            reap_orphans()
            if time.monotonic() > end:
                popen.kill()
                popen.communicate()
                raise Timeout(f"not within {timeout:g} s: {' '.join(popen.args)} "
                              "ends") from None
