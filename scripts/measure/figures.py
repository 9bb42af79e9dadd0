"""The figures of the control plane and of the assistant's way, for scripts/bench."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from lab import ROOT, Lab, binary, median, percentile
from load_test import level, rounded
from sipp import Sipp

SET_UP = "load_set_up.xml"
STARTS = 5


def starts():
    """Start to READY and memory at rest, of several starts without any outside service."""
    ready, begun, idle = [], [], []
    for _ in range(STARTS):
        with Lab(sandbox=False, settings={"calls": 200}) as lab:
            ready.append(lab.ready_ms())
            begun.append(lab.started_s * 1000)
    for _ in range(3):
        with Lab(settings={"calls": 200}) as lab:
            time.sleep(1)
            idle.append(lab.rss_kib() / 1024)
    return {"ready_ms": median(ready), "ready_ms_most": max(ready), "first_status_ms": rounded(median(begun), 0),
            "rss_idle_mib": rounded(median(idle), 1)}


def set_up(rate, seconds, generators=1):
    """Calls that are answered and ended at once, at a rate."""
    with Lab(settings={"calls": 1000}) as lab:
        calls = rate * seconds // generators
        before, begun = lab.cpu_s(), time.monotonic()
        sipps = [Sipp(lab, SET_UP, "echo", number).start(calls, rate // generators, 0, 4000, seconds + 30, 1000)
                 for number in range(generators)]
        figures = [sipp.wait() for sipp in sipps]
        lasted, used = time.monotonic() - begun, lab.cpu_s() - before
        setup = [value for one in figures for value in one["setup_ms"]]
        done = sum(one["successful"] for one in figures)
        lab.patience_s = 150.0  # callers that were given up end by the timers of RFC 3261
        status = lab.at_rest()
        return {"rate": rate, "calls": done, "failed": sum(one["failed"] for one in figures),
                "retransmissions": sum(one["retransmissions"] for one in figures),
                "calls_per_second": rounded(done / lasted, 0), "setup_p50_ms": percentile(setup, 50),
                "setup_p99_ms": percentile(setup, 99), "cpu_ms_per_call": rounded(used / max(done, 1) * 1000),
                "cores": rounded(used / lasted), "lost_records": status["store"]["lost"]}


def ladder(goal_ms, seconds):
    """The highest rate at which nothing fails and the set-up stays within the goal."""
    rungs, best = [], None
    for rate in (500, 1000, 1500, 2000, 2500, 3000):
        rungs.append(set_up(rate, seconds))
        one = rungs[-1]
        print(f'  {rate} calls/s: {one}', file=sys.stderr, flush=True)
        good = one["failed"] == 0 and one["setup_p99_ms"] < goal_ms and one["calls_per_second"] > rate * 0.9
        if good:
            best = one
        elif one["failed"] or one["calls_per_second"] < rate * 0.7:
            break
    return best or rungs[0], rungs


def assistant(calls, seconds, runs):
    told = {}
    for name, to in (("plain", "assistant"), ("tls", "assistant-tls")):
        told[name] = [level(to, calls, seconds) for _ in range(runs)]
        for one in told[name]:
            print(f'  {name}: {one["cpu_s_per_call_minute"]} CPU-s/call-min, {one["rss_per_call_kib"]} KiB, '
                  f'{one["threads_cpu_s"]}', file=sys.stderr, flush=True)
    return told


def delays(calls):
    """Received RTP to the ear's socket, voice bytes to the first packet: measured by tests/bench."""
    path = ROOT / "target" / "delays.json"
    path.unlink(missing_ok=True)
    ran = subprocess.run(["cargo", "test", "--release", "--test", "bench", "--", "--ignored", "--nocapture", "delays"],
                         cwd=ROOT, env={**os.environ, "RINGWELL_BENCH_JSON": str(path), "RINGWELL_BENCH_CALLS": str(calls)},
                         stdout=sys.stderr, check=False)
    return json.loads(path.read_text()) if ran.returncode == 0 and path.exists() else {}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", action="append", choices=["start", "set-up", "assistant", "delays"])
    given = parser.parse_args()
    only = given.only or ["start", "set-up", "assistant", "delays"]
    told = {"binary_mib": rounded(binary().stat().st_size / 2**20, 2), "load_before": os.getloadavg()[0]}
    if "start" in only:
        told |= starts()
    if "set-up" in only:
        best, rungs = ladder(20, 10)
        told |= {key: best[key] for key in ("calls_per_second", "setup_p50_ms", "setup_p99_ms", "cpu_ms_per_call")}
        told["set_up_ladder"] = rungs
    if "assistant" in only:
        runs = assistant(given.calls, given.seconds, given.runs)
        told["assistant_cpu_s_per_call_minute"] = {
            name: median([one["cpu_s_per_call_minute"] for one in levels]) for name, levels in runs.items()}
        told["rss_per_call_kib"] = median([one["rss_per_call_kib"] for one in runs["tls"]])
        told["rss_per_call_plain_kib"] = median([one["rss_per_call_kib"] for one in runs["plain"]])
        told["assistant_runs"] = runs
    if "delays" in only:
        told |= delays(given.calls)
    told["load_after"] = os.getloadavg()[0]
    given.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    os.environ.setdefault("MEASURE_NAME", "scripts/bench")
    main()
