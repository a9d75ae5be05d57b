"""What a group of processes takes of the machine: processor time, memory, and flushes of the disk under its spool."""

import errno
import os
import threading
import time


def _unified():
    with open("/proc/mounts", encoding="ascii") as mounts:
        for line in mounts:
            _, place, kind, *_ = line.split()
            if kind == "cgroup2":
                return place
    raise SystemExit("compare: no cgroup v2 is mounted, and without one the processor time of processes that have ended can't be had")


class Group:
    """A control group: the kernel counts the processor time of all that ever ran in it."""

    def __init__(self, name):
        self.path = os.path.join(_unified(), f"relay-compare.{os.getpid()}.{name}")
        os.makedirs(self.path)

    def enter(self):
        """To be called in a child between fork and exec."""
        with open(os.path.join(self.path, "cgroup.procs"), "w", encoding="ascii") as file:
            file.write("0")

    def processes(self):
        with open(os.path.join(self.path, "cgroup.procs"), encoding="ascii") as file:
            return [int(line) for line in file]

    def cpu(self):
        """Microseconds: user, system."""
        with open(os.path.join(self.path, "cpu.stat"), encoding="ascii") as file:
            stat = dict(line.split() for line in file)
        return int(stat["user_usec"]), int(stat["system_usec"])

    def memory(self):
        """Bytes held by the processes, what they share counted once."""
        total = 0
        for process in self.processes():
            try:
                with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as file:
                    total += next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
            except (OSError, StopIteration):
                pass  # It has ended meanwhile.
        return total

    def closes(self, within):
        """Whether the group, which can be removed when nothing runs in it, not even on its way out, was within so many seconds."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            try:
                os.rmdir(self.path)
                return True
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
                time.sleep(0.05)
        return False


class MemoryPeak:
    """The most that a group held, looked at every half second."""

    def __init__(self, group):
        self.bytes = 0
        self._group = group
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self):
        while not self._done.wait(0.5):
            self.bytes = max(self.bytes, self._group.memory())

    def stop(self):
        self._done.set()
        self._thread.join()
        return max(self.bytes, self._group.memory())


def flushes(folder):
    """Flush requests that the disk under a folder has completed."""
    device = os.stat(folder).st_dev
    with open(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat", encoding="ascii") as file:
        return int(file.read().split()[15])
