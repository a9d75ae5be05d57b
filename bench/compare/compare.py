"""
Relays side by side: smtp-blaster's source -> relay -> its sink, in turns, one run after another, and a table of the medians. Started by bench/compare.sh in a network namespace of its own, with a disk of its own.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time

import relays
from meter import Group, MemoryPeak, flushes

# octets of content, sessions, messages, recipients of each, messages on a connection (0: all), TLS on both sides
WORKLOADS = {
    "4k": (4096, 50, 20000, 1, 0, False),
    "4k-single": (4096, 50, 10000, 1, 1, False),
    "4k-10": (4096, 50, 5000, 10, 0, False),
    "100k": (102400, 20, 3000, 1, 0, False),
    "4k-tls": (4096, 50, 10000, 1, 0, True),
}
WARM_UP = 1000
LIMIT = 180


class Bench:
    def __init__(self, options):
        self.options = options
        self.root = options.root
        self.blaster = ["dotnet", os.path.join(self.root, "loadtest/SmtpBlaster/bin/Release/net10.0/smtp-blaster.dll")]

    def run(self):
        results = []
        with open(self.options.out, "a", encoding="utf-8") as out:
            for round_number in range(1, self.options.rounds + 1):
                for workload in self.options.workloads:
                    for floor in ("floor: smtp-source, smtp-sink", "floor: smtp-blaster"):
                        results.append(self.floor(floor, workload))
                    for name in self.options.relays:
                        results.append(self.measure(name, workload))
                    for result in results[-len(self.options.relays) - 2:]:
                        if result is None:
                            continue
                        result["round"] = round_number
                        out.write(json.dumps(result) + "\n")
                    out.flush()
        return [result for result in results if result]

    def floor(self, name, workload):
        """Source and sink alone, talking to each other."""
        size, sessions, messages, recipients, per_connection, encrypted = WORKLOADS[workload]
        c_programs = "smtp-source" in name
        if c_programs and (encrypted or not shutil.which("smtp-source", path="/usr/sbin:/usr/bin")):
            return None
        load = Group("load")
        try:
            if c_programs:
                sink = subprocess.Popen(["/usr/sbin/smtp-sink", f"{relays.HOST}:{relays.SINK_PORT}", "1000"], preexec_fn=load.enter, start_new_session=True)
                try:
                    wait_for_port(relays.SINK_PORT, sink)
                    again = [] if per_connection == 1 else ["-d"]
                    command = ["/usr/sbin/smtp-source", *again, "-s", str(sessions), "-l", str(size), "-m", str(messages), "-r", str(recipients), "-f", "a@from.test", "-t", "b@to.test", f"{relays.HOST}:{relays.SINK_PORT}"]
                    started, before = time.monotonic(), load.cpu()
                    subprocess.run(command, check=True, preexec_fn=load.enter, timeout=LIMIT)
                    seconds, after = time.monotonic() - started, load.cpu()
                finally:
                    sink.kill()
                    sink.wait()
                rate = messages / seconds
                report = {}
            else:
                before = load.cpu()
                report = self.load(load, workload, messages, direct=True)
                after = load.cpu()
                rate = report["rate"]
            return {"relay": name, "workload": workload, "messages": messages, "end_to_end": rate, "cpu": (sum(after) - sum(before)) / messages, **{k: report[k] for k in ("p50", "p99") if k in report}}
        finally:
            drain(load)

    def measure(self, name, workload):
        relay = relays.ALL[name](self.root, WORKLOADS[workload][5])
        why = relay.missing() or ("not set up for TLS here" if relay.encrypted and name in ("exim", "opensmtpd", "haraka") else None)
        if why:
            print(f"compare: {name} {workload}: left out: {why}", file=sys.stderr)
            return None
        work = os.path.join(self.options.disk, "work")
        os.makedirs(work)
        os.chmod(work, 0o755)
        group, load = Group("relay"), Group("load")
        process = None
        try:
            pid = os.getpid()
            process = enter_and(group, lambda: relay.start(work), pid)
            wait_for_port(relays.PORT, process, os.path.join(work, "log"))
            messages = max(1, int(WORKLOADS[workload][2] * relay.share))
            sessions = min(WORKLOADS[workload][1], relay.single_sessions if WORKLOADS[workload][4] == 1 else 1 << 20)
            self.load(load, workload, min(WARM_UP, messages), sessions=sessions)
            peak = MemoryPeak(group)
            cpu, flushed = group.cpu(), flushes(work)
            report = self.load(load, workload, messages, sessions=sessions)
            cpu_after, flushed_after = group.cpu(), flushes(work)
            return {
                "relay": relay.name, "workload": workload, "promise": relay.promise, "messages": messages, "sessions": sessions,
                "accepted": report["accepted"], "end_to_end": report["rate"], "cpu": (sum(cpu_after) - sum(cpu)) / messages, "cpu_user": (cpu_after[0] - cpu[0]) / messages,
                "memory": peak.stop(), "flushes": (flushed_after - flushed) / messages, "p50": report["p50"], "p99": report["p99"],
            }
        finally:
            if process is not None:
                relay.stop(work, process)
            drain(group)
            drain(load)
            if self.options.keep:
                os.rename(work, f"{work}.{name}.{workload}.{time.time_ns()}")
            else:
                shutil.rmtree(work, ignore_errors=True)


def enter_and(group, start, pid):
    """What `start` starts is in the group from its first instruction: this process goes in, and comes out again behind it."""
    with open(os.path.join(os.path.dirname(group.path), "cgroup.procs"), encoding="ascii"):
        pass
    home = current_group()
    group.enter()
    try:
        return start()
    finally:
        with open(os.path.join(home, "cgroup.procs"), "w", encoding="ascii") as file:
            file.write(str(pid))


def current_group():
    import meter
    with open("/proc/self/cgroup", encoding="ascii") as file:
        path = next(line.split(":", 2)[2].strip() for line in file if line.startswith("0::"))
    return os.path.join(meter._unified(), path.lstrip("/"))


def wait_for_port(port, process, log=None):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((relays.HOST, port)) == 0:
                return
        if process.poll() not in (None, 0):
            break
        time.sleep(0.05)
    text = ""
    if log and os.path.exists(log):
        with open(log, encoding="utf-8", errors="replace") as file:
            text = file.read()[-2000:]
    raise SystemExit(f"compare: nothing listens on port {port}\n{text}")


def drain(group):
    """Ends what is left of a run, first by asking, and removes the group."""
    for signal in (15, 15, 9):
        deadline = time.monotonic() + 10
        while group.processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in group.processes():
            try:
                os.kill(process, signal)
            except ProcessLookupError:
                pass
    while group.processes():
        time.sleep(0.05)
    group.close()
