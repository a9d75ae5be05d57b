"""
Relays side by side: smtp-blaster's source -> relay -> its sink, one relay after the other and all of them several times, so that what changes on the machine changes for all. A table of medians at the end.
Started by bench/compare.sh, in a network namespace of its own, with a disk of its own.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections import namedtuple

import relays
from meter import Group, MemoryPeak, flushes

Workload = namedtuple("Workload", "size sessions messages recipients per_connection encrypted")

WORKLOADS = {
    "4k": Workload(4096, 50, 20000, 1, 0, False),
    "4k-single": Workload(4096, 50, 10000, 1, 1, False),
    "4k-10": Workload(4096, 50, 5000, 10, 0, False),
    "100k": Workload(102400, 20, 3000, 1, 0, False),
    "4k-tls": Workload(4096, 50, 10000, 1, 0, True),
}
TOLD = {
    "4k": "4 KiB, 50 sessions, many messages on a connection",
    "4k-single": "4 KiB, 50 sessions, one message on a connection",
    "4k-10": "4 KiB, 50 sessions, ten recipients at one destination",
    "100k": "100 KiB, 20 sessions",
    "4k-tls": "4 KiB, 50 sessions, STARTTLS on both sides",
}
C_FLOOR = "smtp-source to smtp-sink"
OWN_FLOOR = "smtp-blaster to itself"
WARM_UP = 1000
LIMIT = 180


class Failure(Exception):
    """A relay didn't start, lost or altered a message, or took longer than LIMIT seconds."""


def measure_floor(options, name, workload):
    """Source and sink talking to each other, with nothing between them."""
    load = WORKLOADS[workload]
    group = Group("load")
    try:
        if name == C_FLOOR:
            if load.encrypted or load.recipients > 1:
                return None
            rate = run_c_programs(group, load)
        else:
            rate = run_blaster(options, group, load, load.messages, load.sessions, relays.SINK_PORT)["end_to_end"]
        return {"relay": name, "workload": workload, "end_to_end": rate, "cpu": sum(group.cpu()) / load.messages}
    finally:
        drain(group)


def run_c_programs(group, load):
    place = f"{relays.HOST}:{relays.SINK_PORT}"
    sink = subprocess.Popen(["/usr/sbin/smtp-sink", "-u", "nobody", place, "1000"], preexec_fn=group.enter, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(relays.SINK_PORT, sink)
        kept = [] if load.per_connection == 1 else ["-d"]
        started = time.monotonic()
        subprocess.run(
            ["/usr/sbin/smtp-source", *kept, "-s", str(load.sessions), "-l", str(load.size), "-m", str(load.messages), "-f", "a@from.test", "-t", "b@to.test", place],
            check=True, preexec_fn=group.enter, timeout=LIMIT)
        return load.messages / (time.monotonic() - started)
    finally:
        sink.kill()
        sink.wait()


def blaster(options):
    """The command that is smtp-blaster."""
    return ["dotnet", os.path.join(options.root, "loadtest/SmtpBlaster/bin/Release/net10.0/smtp-blaster.dll")]


def run_blaster(options, group, load, messages, sessions, port, cores=None, rate=None, warm_up=0):
    """Messages through whatever listens on the port, into the sink. Latencies don't count in the first seconds of warming up."""
    def enter():
        if cores:
            os.sched_setaffinity(0, cores)
        group.enter()

    encrypted = ["--tls", "starttls", "--sink-tls", "starttls"] if load.encrypted else []
    command = [
        *blaster(options), "run", "--target", f"{relays.HOST}:{port}", "--sink", f"{relays.HOST}:{relays.SINK_PORT}",
        "--sessions", str(sessions), "-n", str(messages), "--size", str(load.size), "--recipients", str(load.recipients), "--messages-per-connection", str(load.per_connection),
        "--linger", "0s", "--settle", "60s", "--json", "-", "--warm-up", f"{warm_up}s", *(["--rate", str(rate)] if rate else []), *encrypted,
    ]
    try:
        done = subprocess.run(command, capture_output=True, preexec_fn=enter, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise Failure(f"the load didn't end within {LIMIT} s") from None
    if done.returncode != 0:
        raise Failure(f"the load ended with {done.returncode}: {done.stderr.decode()[-2000:]}")
    report = json.loads(done.stdout)
    arrival = report["latency"]["submission_to_arrival"]
    return {
        "accepted": messages / report["seconds"], "end_to_end": messages / report["seconds_until_arrived"],
        "p50": report["latency"]["latency"]["p50_us"], "p99": report["latency"]["latency"]["p99_us"], "arrival_p99": arrival["p99_us"],
    }


def measure(options, name, workload):
    load = WORKLOADS[workload]
    relay = relays.ALL[name](options.root, load.encrypted)
    why = relay.missing()
    if why:
        print(f"compare: {name}, {workload}: left out: {why}", file=sys.stderr)
        return None
    work = os.path.join(options.disk, "work")
    os.makedirs(work)
    os.chmod(work, 0o755)
    group, source = Group("relay"), Group("load")
    process = None
    try:
        process = relay.start(work, group.enter)
        wait_for_port(relays.PORT, process, os.path.join(work, "log"))
        messages = int(load.messages * relay.share)
        sessions = min(load.sessions, relay.single_sessions) if load.per_connection == 1 else load.sessions
        run_blaster(options, source, load, min(WARM_UP, messages // 4), sessions, relays.PORT)
        peak = MemoryPeak(group)
        # A fresh process first, and the figures from then on: some compile or cache while they work.
        cpu = sum(group.cpu())
        run_blaster(options, source, load, messages, sessions, relays.PORT)
        fresh = (sum(group.cpu()) - cpu) / messages
        cpu, flushed = sum(group.cpu()), flushes(work)
        report = run_blaster(options, source, load, messages, sessions, relays.PORT)
        return {
            "relay": relay.name, "workload": workload, "promise": relay.promise, "sessions": sessions, "messages": messages, "fresh": fresh, "cpu": (sum(group.cpu()) - cpu) / messages, "memory": peak.stop(),
            "flushes": (flushes(work) - flushed) / messages, **report,
        }
    finally:
        if process is not None:
            relay.stop(work, process)
        drain(group)
        drain(source)
        shutil.rmtree(work, ignore_errors=True)


def wait_for_port(port, process, log=None):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() in (None, 0):
        with socket.socket() as probe:
            if probe.connect_ex((relays.HOST, port)) == 0:
                return
        time.sleep(0.05)
    text = ""
    if log and os.path.exists(log):
        with open(log, encoding="utf-8", errors="replace") as file:
            text = file.read()[-2000:]
    raise Failure(f"nothing listens on port {port}\n{text}")


def drain(group):
    """Ends what is left of a run, by asking and then not, and removes the group."""
    for word in (None, signal.SIGTERM, signal.SIGKILL):
        for process in group.processes() if word else []:
            try:
                os.kill(process, word)
            except ProcessLookupError:
                pass
        if group.closes(within=15):
            return
    raise SystemExit(f"compare: {group.path} can't be emptied")


def table(results, workload):
    """Medians, with the least and the most behind them where there were several rounds."""
    def of(name, key):
        return [r[key] for r in results if r["relay"] == name and r["workload"] == workload and key in r]

    def cell(name, key, form, by=1):
        values = of(name, key)
        if not values:
            return "-"
        text = form.format(statistics.median(values) / by)
        return text if len(values) == 1 else f"{text} [{form.format(min(values) / by)}..{form.format(max(values) / by)}]"

    def ratio(name, key, other):
        mine, theirs = of(name, key), of(other, key)
        return f"{statistics.median(mine) / statistics.median(theirs):.2f}" if mine and theirs else "-"

    floor = C_FLOOR if of(C_FLOOR, "cpu") else OWN_FLOOR
    lines = [f"### {TOLD[workload]}", "",
             "| | promise | accepted /s | end to end /s | times tuned Postfix | CPU us a message | times the floor | CPU us when fresh | peak MB | disk flushes a message | reply p50 / p99 ms | arrival p99 ms |", "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    names = list(dict.fromkeys(r["relay"] for r in results if r["workload"] == workload))
    for name in names:
        promise = next((r["promise"] for r in results if r["relay"] == name and "promise" in r), "(a floor)")
        lines.append("| " + " | ".join([
            name, promise, cell(name, "accepted", "{:.0f}"), cell(name, "end_to_end", "{:.0f}"), ratio(name, "end_to_end", relays.Postfix.name), cell(name, "cpu", "{:.0f}"), ratio(name, "cpu", floor), cell(name, "fresh", "{:.0f}"),
            cell(name, "memory", "{:.0f}", 1e6), cell(name, "flushes", "{:.2f}"), f"{cell(name, 'p50', '{:.1f}', 1e3)} / {cell(name, 'p99', '{:.1f}', 1e3)}", cell(name, "arrival_p99", "{:.1f}", 1e3)]) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="bench/compare.sh", description="Measures relays side by side.")
    parser.add_argument("--root", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--disk", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--relays", default=",".join(n for n in relays.ALL if n != "relay-os"), help="of " + ", ".join(relays.ALL))
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="of " + ", ".join(WORKLOADS))
    parser.add_argument("--out", help="appends a line of JSON for each measurement to this file")
    options = parser.parse_args()
    chosen, loads = options.relays.split(","), options.workloads.split(",")
    for name, known in [(n, relays.ALL) for n in chosen] + [(n, WORKLOADS) for n in loads]:
        if name not in known:
            parser.error(f"{name} is none of {', '.join(known)}")
    results, failures = [], []
    for _ in range(options.rounds):
        for workload in loads:
            for measured, name in [(measure_floor, name) for name in (C_FLOOR, OWN_FLOOR)] + [(measure, name) for name in chosen]:
                try:
                    result = measured(options, name, workload)
                except Failure as failure:
                    # What one of them can't do is told, and costs the others nothing.
                    failures.append(f"{workload} {name}: {failure}")
                    print(f"compare: {failures[-1]}", file=sys.stderr)
                    continue
                if result:
                    results.append(result)
                    print(f"{workload} {result['relay']}: {result['end_to_end']:.0f}/s end to end, {result['cpu']:.0f} us", file=sys.stderr)
                    if options.out:
                        with open(options.out, "a", encoding="utf-8") as out:
                            out.write(json.dumps(result) + "\n")
    for workload in loads:
        print(table(results, workload) + "\n")
    if failures:
        raise SystemExit("compare: not all of it could be measured:\n" + "\n".join(failures))


if __name__ == "__main__":
    main()
