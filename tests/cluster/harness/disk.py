# SPDX-License-Identifier: PostgreSQL
"""A small disk for one host: a file with a file system, mounted through a loop device.

It fills up, turns read-only as after an error of the device, loses what was not synced as when the
power fails, and goes back to a copy of itself. Mounts are made below a directory that is shared
with the hosts' mount namespaces, so that unmounting reaches these too.
"""
import contextlib
import fcntl
import glob
import os
import re
import shutil
import struct

from . import proc

SIZE = 512 << 20
EXT4_IOC_SHUTDOWN = 0x8004587D
WITHOUT_FLUSH = struct.pack("I", 2)


def share(directory):
    """Let what is mounted below a directory from now on reach, and leave, all namespaces."""
    sweep_stale()
    proc.run(["mount", "--bind", directory, directory])
    proc.run(["mount", "--make-shared", directory])


def unshare(directory):
    proc.run(["umount", "--lazy", directory], check=False)


def sweep_stale():
    """Unmount disks of test runs that were killed before they could clean up."""
    with open("/proc/mounts", encoding="utf-8") as f:
        places = [line.split()[1] for line in f]
    for place in reversed(places):
        run = re.match(r"/tmp/pgaf-test-(\d+)/", place)
        if run and not os.path.exists(f"/proc/{run.group(1)}"):
            unshare(place)


class Disk:
    def __init__(self, image, mount_point):
        self.image = image
        self.mount_point = proc.make_directory(mount_point, owner="root")
        self.filler = os.path.join(mount_point, "filler")
        self.mounted = self.full = False
        with open(image, "wb") as f:
            f.truncate(SIZE)
        proc.run(["mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1", image])
        self.mount()

    def mount(self):
        if not self.mounted:
            proc.run(["mount", "-o", "loop,errors=remount-ro", self.image, self.mount_point])
            self.mounted = True
            if not self.full:
                self.empty()

    def unmount(self, kill=lambda: None):
        """`kill` ends whatever works on it. What dies may take a moment to let go of the disk, and
        only when the loop device is free as well is the next mount a fresh one."""
        def gone():
            kill()
            if self.mounted:
                self.mounted = proc.run(["umount", self.mount_point], check=False).returncode != 0
            return not self.mounted and not self.attached()
        if self.mounted:
            proc.wait_for(gone, 20, lambda: f"{self.mount_point} is let go of: {self.attached()}",
                          0.02)

    def attached(self):
        return proc.run(["losetup", "--associated", self.image]).stdout.strip()

    def device(self):
        name = proc.run(["findmnt", "-no", "SOURCE", self.mount_point]).stdout.strip()
        return os.path.basename(name)

    def fill(self):
        """Take every free block. What is written already stays, and can be written again."""
        self.full = True
        if not self.mounted:
            return		# its power is cut as well
        with open(self.filler, "wb") as f:
            size, step = 0, 64 << 20
            while step >= 4096:
                try:
                    os.posix_fallocate(f.fileno(), size, step)
                    size += step
                except OSError:
                    step //= 2

    def empty(self):
        """At once, or where it is read-only or away now, when it is mounted the next time."""
        self.full = False
        with contextlib.suppress(OSError):
            os.unlink(self.filler)

    def turn_read_only(self):
        """What the kernel does by itself when the device fails it."""
        (knob,) = glob.glob(f"/sys/fs/ext4/{self.device()}/trigger_fs_error")
        with open(knob, "w", encoding="ascii") as f:
            f.write("1")

    def repair(self):
        """While it is unmounted; exit codes 1 and 2 mean: repaired."""
        done = proc.run(["e2fsck", "-p", "-f", self.image], check=False)
        assert done.returncode <= 2, done.stdout + done.stderr

    def sync(self):
        """All that is written by now, also where nobody asked for it."""
        proc.run(["sync", "--file-system", self.mount_point])

    def cut_power(self):
        """Nothing that is not on the disk by now will ever be; unmount it afterwards."""
        fd = os.open(self.mount_point, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, WITHOUT_FLUSH)
        finally:
            os.close(fd)

    def copy(self):
        """A copy of the disk as it is at one moment, while it is in use."""
        proc.run(["fsfreeze", "--freeze", self.mount_point])
        try:
            proc.run(["cp", "--sparse=always", self.image, self.image + ".copy"])
        finally:
            proc.run(["fsfreeze", "--unfreeze", self.mount_point])

    def restore(self):
        """Back to the copy, while it is unmounted."""
        shutil.copyfile(self.image + ".copy", self.image)

    def close(self):
        if self.mounted:
            proc.run(["umount", "--lazy", self.mount_point], check=False)
            self.mounted = False
        for path in glob.glob(self.image + "*"):
            os.unlink(path)
