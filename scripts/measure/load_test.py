"""The work of scripts/load-test; its usage stands there."""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

import plot
from lab import Lab, binary, percentile
from sipp import Sipp

SCENARIO = "load_rtp_stream.xml"
USERS = {"echo": "echo", "tone": "tone", "assistant": "assistant", "assistant-tls": "assistant"}
RAMP_PER_S = 20     # new calls a second while a level is built up
SETTLE_S = 3        # from the last call to the first look
FIRST_CALL_S = 6    # how long the call before all others lasts


def rounded(value, digits=3):
    return None if value is None else round(value, digits)


def window(lab, seconds):
    """What the gateway uses in a stretch in which no call begins or ends."""
    before, by_thread, begun = lab.cpu_s(), lab.threads_cpu_s(), time.monotonic()
    time.sleep(seconds)
    lasted = time.monotonic() - begun
    used = lab.cpu_s() - before
    threads = {name: value - by_thread.get(name, 0) for name, value in lab.threads_cpu_s().items()}
    return used, lasted, {name: round(value, 2) for name, value in threads.items() if value >= 0.01}


def after_first_call(lab, to):
    """Memory once a call has been carried: the program's own pages that the first call brings in are no call's."""
    Sipp(lab, SCENARIO, USERS[to]).start(1, 1, FIRST_CALL_S, 1, FIRST_CALL_S + 60).wait()
    lab.at_rest()
    return lab.rss_kib()


def level(to, calls, seconds):
    """One number of calls at once, on a fresh gateway."""
    with Lab(tls=to.endswith("-tls"), settings={"calls": calls + 10, "threads": -(-calls // 250)}) as lab:
        idle_kib, begun_kib, ramp = lab.rss_kib(), after_first_call(lab, to), calls / RAMP_PER_S
        hold = ramp + SETTLE_S + seconds + 3
        before = lab.status()["media"]
        sipp = Sipp(lab, SCENARIO, USERS[to]).start(calls, RAMP_PER_S, hold, calls, hold + ramp + 60)
        lab.until("full", lambda status: len(status["calls"]) >= calls or not sipp.running())
        time.sleep(SETTLE_S)
        used, lasted, threads = window(lab, seconds)
        at_once, rss_kib = lab.status(), lab.rss_kib()
        figures = sipp.wait()
        media = lab.at_rest()["media"]
        counted = {name: media[name] - before.get(name, 0) for name in
                   ("underruns", "late_ticks", "skipped_ticks", "events_dropped", "send_errors", "packets_in", "packets_out")}
        return {
            "to": to, "calls": calls, "seen_at_once": len(at_once["calls"]), "failed": figures["failed"],
            "successful": figures["successful"], "retransmissions": figures["retransmissions"],
            "setup_p50_ms": percentile(figures["setup_ms"], 50), "setup_p99_ms": percentile(figures["setup_ms"], 99),
            "cpu_s_per_call_minute": rounded(used / calls / lasted * 60, 4), "cores": rounded(used / lasted),
            "threads_cpu_s": threads, "window_s": rounded(lasted, 1),
            "spacing_us_p50": media["departure_us_p50"], "spacing_us_p99": media.get("departure_us_p99"),
            "spacing_us_p999": media["departure_us_p999"],
            "rss_idle_kib": idle_kib, "rss_after_first_kib": begun_kib, "rss_kib": rss_kib,
            "rss_per_call_kib": rounded((rss_kib - begun_kib) / calls, 1),
            **counted}


HEAD = ("to", "calls", "failed", "retrans", "p50 ms", "p99 ms", "CPU-s/call-min", "cores", "spacing p50/p99.9 us",
        "KiB/call", "late", "underrun")
ROW = "{:14} {:>5} {:>6} {:>7} {:>7} {:>7} {:>14} {:>6} {:>20} {:>8} {:>5} {:>8}"


def row(one):
    return ROW.format(one["to"], one["calls"], one["failed"], one["retransmissions"], str(rounded(one["setup_p50_ms"], 1)),
                      str(rounded(one["setup_p99_ms"], 1)), one["cpu_s_per_call_minute"], one["cores"],
                      f'{one["spacing_us_p50"]}/{one["spacing_us_p999"]}', one["rss_per_call_kib"], one["late_ticks"],
                      one["underruns"])


def curves(levels):
    def series(key):
        lines = {}
        for one in levels:
            lines.setdefault(one["to"], []).append((one["calls"], one[key]))
        return lines
    return plot.svg([
        ("Processor", "CPU-seconds of the gateway per call-minute", series("cpu_s_per_call_minute")),
        ("Processor in all", "cores", series("cores")),
        ("Spacing error, p99.9", "microseconds", series("spacing_us_p999")),
        ("Set-up, INVITE to 200, p99", "ms", series("setup_p99_ms"))])


def main():
    parser = argparse.ArgumentParser(prog="scripts/load-test")
    parser.add_argument("--to", action="append", choices=sorted(USERS))
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("calls", type=int, nargs="*")
    given = parser.parse_args()
    if given.minutes:
        import endurance
        told = endurance.run(given.calls[0] if given.calls else 200, given.minutes)
    else:
        print(f"each level on a fresh gateway for {given.seconds} s, gateway and generator on a processor each where "
              f"there are two; load {os.getloadavg()[0]:.1f}")
        print(ROW.format(*HEAD), flush=True)
        levels = []
        for to in given.to or ["echo", "tone", "assistant", "assistant-tls"]:
            for calls in given.calls or [50, 100, 200]:
                levels.append(level(to, calls, given.seconds))
                print(row(levels[-1]), flush=True)
        told = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(),
                "kernel": platform.release(), "load_after": os.getloadavg()[0], "binary": binary().name, "levels": levels}
        if given.svg:
            given.svg.write_text(curves(levels), encoding="utf-8")
    if given.json:
        given.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return 70 if told.get("wrong") else 0


if __name__ == "__main__":
    os.environ.setdefault("MEASURE_NAME", "scripts/load-test")
    sys.exit(main())
