"""
This relay alone: how fast it starts and what it holds when idle; on one core and on two; with few sessions and with many; with an empty queue and a deep one; how long mail takes at half of the rate it can do.
Started by bench/compare.sh alone, in a network namespace of its own, with a disk of its own.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import threading
import time
import urllib.request

import relays
from compare import WORKLOADS, blaster, drain, run_blaster
from meter import Group, MemoryPeak

LOAD = WORKLOADS["4k"]
MEBI = 1 << 20


class Running:
    """The relay, started in a folder of its own, which is removed with it unless it is kept for another start."""

    def __init__(self, options, kind, cores=None, keep=False, load=LOAD):
        self.options, self.kind, self.cores, self.keep, self.load_kind = options, kind, cores, keep, load

    def __enter__(self):
        self.work = os.path.join(self.options.disk, "work")
        os.makedirs(self.work, exist_ok=True)
        self.group, self.load = Group("relay"), Group("load")
        self.relay = relays.ALL[self.kind](self.options.root, self.load_kind.encrypted)
        started = time.monotonic()
        self.process = self.relay.start(self.work, self.enter)
        self.log = os.path.join(self.work, "log")
        while (ready := re.search(r"^ready .*admin=(\S+)", self.text(), re.MULTILINE)) is None:
            if self.process.poll() is not None or time.monotonic() > started + 60:
                raise SystemExit(f"compare: the relay doesn't start\n{self.text()}")
            time.sleep(0.002)
        self.seconds = time.monotonic() - started
        self.admin = ready.group(1)
        return self

    def __exit__(self, *_):
        self.relay.stop(self.work, self.process)
        drain(self.group)
        drain(self.load)
        if self.keep:
            os.remove(self.log)
        else:
            shutil.rmtree(self.work, ignore_errors=True)

    def enter(self):
        if self.cores:
            os.sched_setaffinity(0, self.cores)
        self.group.enter()

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def run(self, messages=None, sessions=LOAD.sessions, **more):
        """Messages through the relay, and what each took of the processor."""
        messages = messages or self.load_kind.messages
        cpu = sum(self.group.cpu())
        report = run_blaster(self.options, self.load, self.load_kind, messages, sessions, relays.PORT, cores=self.cores, **more)
        return {**report, "cpu": (sum(self.group.cpu()) - cpu) / messages}

    def scrape(self):
        with urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=10) as answer:
            return answer.read().decode().splitlines()

    def metrics(self, *wanted):
        """The sums of metrics, each over those lines that have its label."""
        lines = self.scrape()
        return [sum(float(line.rpartition(" ")[2]) for line in lines if re.match(rf"{name}[{{ ]", line) and label in line) for name, label in wanted]

    def buckets(self, name):
        """Of a histogram: how many there were up to each bound."""
        found = {}
        for line in self.scrape():
            if bound := re.match(rf'{name}_bucket{{.*le="([^"]+)"', line):
                found[float(bound.group(1))] = found.get(float(bound.group(1)), 0) + float(line.rpartition(" ")[2])
        return found


def shares(before, after):
    """What half of them, and 99 of a hundred, didn't exceed, as far as the bounds tell."""
    counts = {bound: after[bound] - before.get(bound, 0) for bound in sorted(after)}
    half, nearly = (next(bound for bound, count in counts.items() if count >= share * max(counts.values())) for share in (0.5, 0.99))
    return f"p50 up to {half * 1000:g}, p99 up to {nearly * 1000:g} ms"


def resident(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


def start(options, kind):
    """Seconds until "ready", and memory some seconds later: where there is no spool yet (the files of one are filled beforehand), and again."""
    first, again, memory = [], [], []
    for _ in range(options.rounds + 2):
        with Running(options, kind, keep=True) as relay:
            first.append(relay.seconds)
            time.sleep(1)
        with Running(options, kind) as relay:
            again.append(relay.seconds)
            time.sleep(3)
            memory.append(resident(relay.process))
    print(f"{kind}: ready after {statistics.median(again) * 1000:.0f} ms (least {min(again) * 1000:.0f}), {statistics.median(first) * 1000:.0f} where it makes its spool first; idle {statistics.median(memory) / MEBI:.0f} MiB")


def cores(options, kind):
    """All of it, source and sink too, on one core and on two; and source and sink talking to each other with no relay between them, since no relay can gain more by a second core than they do."""
    for name in ("4k", "4k-tls"):
        load, rates, floors = WORKLOADS[name], {}, {}
        for _ in range(options.rounds):
            for chosen in ({0}, {0, 1}):
                floors.setdefault(len(chosen), []).append(floor(options, load, chosen))
                with Running(options, kind, chosen, load=load) as relay:
                    relay.run(5000)
                    rates.setdefault(len(chosen), []).append(relay.run()["end_to_end"])
        told = (f"{one:.0f} messages/s on one core, {two:.0f} on two: {two / one:.2f} times" for one, two in ((statistics.median(r[n]) for n in (1, 2)) for r in (rates, floors)))
        print(f"{kind}, {name}: {next(told)}; source and sink alone {next(told)}")


def floor(options, load, chosen):
    group = Group("load")
    try:
        return run_blaster(options, group, load, load.messages, load.sessions, relays.SINK_PORT, cores=chosen)["end_to_end"]
    finally:
        drain(group)


def sessions(options, kind):
    counts = (50, 1000, 10000)
    found = {n: [] for n in counts}
    for _ in range(options.rounds):
        with Running(options, kind) as relay:
            relay.run()
            for n in counts:
                peak = MemoryPeak(relay.group)
                found[n].append((relay.run(max(LOAD.messages, 10 * n), n), peak.stop()))
    for n in counts:
        rate, cpu = (statistics.median(r[key] for r, _ in found[n]) for key in ("end_to_end", "cpu"))
        print(f"{kind}: {n} sessions: {rate:.0f} messages/s, {cpu:.0f} us, peak {max(m for _, m in found[n]) / MEBI:.0f} MiB")


def few(options, kind):
    """
    A session of few waits for its round trips and for the disk. What the round trips take is told by the relay that doesn't wait for the disk; a message waits for one flush at least, for two when it comes while one is
    under way. Between these two the rate has to be.
    """
    counts = (1, 2, 5, 10, 20)
    with Running(options, "relay-os") as relay:
        relay.run()
        trips = {n: n / relay.run(500 * n, n)["accepted"] for n in counts}
    with Running(options, kind) as relay:
        relay.run()
        for n in counts:
            flush = sync_time(relay.work)
            report = relay.run(500 * n, n)
            print(f"{kind}: {n} sessions: {report['accepted']:.0f} messages/s, reply p50 {report['p50'] / 1000:.2f} ms; round trips {trips[n] * 1000:.2f} ms, fdatasync {flush * 1000:.2f} ms: {n / (trips[n] + 2 * flush):.0f} to {n / (trips[n] + flush):.0f} a second")


def sync_time(folder):
    """Median seconds of an fdatasync behind 8 KiB."""
    times = []
    with open(os.path.join(folder, "probe"), "wb") as file:
        file.write(bytes(MEBI))
        os.fsync(file.fileno())
        for i in range(100):
            os.pwrite(file.fileno(), os.urandom(8192), i * 8192)
            started = time.monotonic()
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - started)
    os.remove(file.name)
    return statistics.median(times)


def depth(options, kind):
    """An empty queue, and one in which mail waits for a host that isn't there."""
    with Running(options, kind) as relay:
        relay.run()
        empty = statistics.median(relay.run()["end_to_end"] for _ in range(options.rounds))
        command = [*blaster(options), "source", f"{relays.HOST}:{relays.PORT}", "--sessions", "200",
                   "-n", str(options.depth), "--size", "200", "--to", "u{n}@nowhere.test", "--json", "-"]
        subprocess.run(command, check=True, preexec_fn=relay.load.enter, capture_output=True, timeout=1800)
        waiting = sum(relay.metrics(("relay_queue_recipients", ""), ("relay_queue_parked", "")))
        peak = MemoryPeak(relay.group)
        deep = statistics.median(relay.run()["end_to_end"] for _ in range(options.rounds))
        print(f"{kind}: {empty:.0f} messages/s with an empty queue, {deep:.0f} beside {waiting:.0f} that wait: {deep / empty:.2f} times; peak {peak.stop() / MEBI:.0f} MiB")


def latency(options, kind):
    """At half of the rate that it can do, in an open loop."""
    with Running(options, kind) as relay:
        relay.run()
        most = relay.run()["end_to_end"]
        for _ in range(options.rounds):
            garbage, commits = Garbage(relay), relay.buckets("relay_spool_commit_seconds")
            report = relay.run(int(most / 2) * 12, 100, rate=int(most / 2), warm_up=2)
            print(f"{kind}: {most / 2:.0f} messages/s, half of the most: accepted p50 {report['p50'] / 1000:.2f} p99 {report['p99'] / 1000:.2f} ms, arrived p99 {report['arrival_p99'] / 1000:.1f} ms; commits {shares(commits, relay.buckets('relay_spool_commit_seconds'))}; fdatasync of an idle disk {sync_time(relay.work) * 1000:.2f} ms; {garbage.stop()}")


class Garbage:
    """What the collector of garbage does until it is stopped. Looked at so often that the greatest pause is known: two in one look count as one, so it is never too small."""

    INTERVAL = 0.05

    def __init__(self, relay):
        self._relay, self._greatest = relay, 0
        self._first = self._last = self._look()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _look(self):
        """Collections (each counts for the younger generations too), those of generation 2, seconds of pauses."""
        name = "dotnet_gc_collections_total"
        return self._relay.metrics((name, ""), (name, "gen2"), ("dotnet_gc_pause_time_seconds_total", ""))

    def _watch(self):
        while not self._done.wait(self.INTERVAL):
            now = self._look()
            self._greatest, self._last = max(self._greatest, now[2] - self._last[2]), now

    def stop(self):
        self._done.set()
        self._thread.join()
        collections, oldest, pauses = (now - then for now, then in zip(self._look(), self._first))
        return f"{collections:.0f} collections of garbage, {oldest:.0f} of generation 2, pauses {pauses * 1000:.1f} ms in all, the longest {self._greatest * 1000:.1f}"


ALL = {"start": start, "few": few, "latency": latency, "cores": cores, "sessions": sessions, "depth": depth}


def main():
    parser = argparse.ArgumentParser(prog="bench/compare.sh alone", description="Measures this relay alone.")
    parser.add_argument("--root", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--disk", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--relays", default="relay,relay-jit")
    parser.add_argument("--what", default=",".join(ALL), help="of " + ", ".join(ALL))
    parser.add_argument("--depth", type=int, default=1_000_000, help="messages that wait in the deep queue")
    options = parser.parse_args()
    for what in options.what.split(","):
        if what not in ALL:
            parser.error(f"{what} is none of {', '.join(ALL)}")
    for what in options.what.split(","):
        for kind in options.relays.split(","):
            ALL[what](options, kind)


if __name__ == "__main__":
    main()
