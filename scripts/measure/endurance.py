"""A long run of scripts/load-test: so many calls at once, a fifth of which ends abnormally, and what is left."""

import os
import sys
import time

from lab import Lab
from sipp import Sipp

HOLD_S = 30
EVERY_S = 10
# Share of the calls, scenario, who is called, and how long one of these occupies a place.
KINDS = [(0.4, "load_rtp_stream.xml", "assistant", HOLD_S), (0.4, "load_rtp_stream.xml", "echo", HOLD_S),
         (0.08, "load_vanished.xml", "echo", HOLD_S), (0.06, "load_no_ack.xml", "echo", 32),
         (0.06, "load_refused.xml", "echo", 1)]
HELD = ("/ports/in_use", "/media/calls", "/tasks/calls", "/tasks/runtime", "/transactions/server_invite",
        "/transactions/server", "/transactions/client_invite", "/transactions/client", "/transactions/sessions",
        "/process/files")
LONG_MINUTES = 10
POOL_IDLE_S = 600.0   # the pool keeps an idle connection for 240 s, and looks as seldom as that
SLOPE_MAX_KIB_PER_MINUTE = 64   # of the second half: 4 MiB an hour, the noise of an allocator


def held(lab):
    """The least of some readings: each is itself a connection, and the one before may not be closed yet."""
    readings = []
    for _ in range(10):
        status = lab.status()
        readings.append([value_at(status, path) for path in HELD])
    return dict(zip(HELD, min(readings)))


def value_at(status, path):
    for key in path.strip("/").split("/"):
        status = status[key]
    return status


def slope(points):
    """Least squares, in units of y for each x."""
    count = len(points)
    x0, y0 = (sum(point[axis] for point in points) / count for axis in (0, 1))
    spread = sum((x - x0) ** 2 for x, _ in points)
    return sum((x - x0) * (y - y0) for x, y in points) / spread if spread else 0.0


def settle(lab, minutes):
    """Until nothing of a call is left: a vanished peer is waited for, 32 s for its ACK and 32 s for its BYE. In a run
    long enough to close those that idled at its beginning, idle connections to the services are waited for too."""
    lab.until("silent", lambda status: not status["calls"] and not any(status["transactions"].values())
              and status["outbox"]["pending"] == 0)
    if minutes >= LONG_MINUTES:
        lab.until("alone", lambda _: not lab.connects_to_cloud())
    return held(lab)


def run(at_once, minutes, tls=False):
    """Gives the figures; `wrong` says what is not as it was."""
    Lab.patience_s = POOL_IDLE_S if minutes >= LONG_MINUTES else 180.0
    with Lab(tls=tls, settings={"calls": at_once + 100, "threads": 2}) as lab:
        # The first calls make what stays: pages, prepared statements, connections to the services.
        Sipp(lab, "load_rtp_stream.xml", "assistant").start(20, 10, 5, 20, 60).wait()
        before, begun = settle(lab, minutes), time.monotonic()
        sipps = []
        for number, (share, scenario, user, lasts) in enumerate(KINDS):
            # A fifth of all calls, however short, ends abnormally.
            rate = at_once * share / HOLD_S
            calls = max(1, int(rate * minutes * 60))
            period_ms = int(1000 / rate)
            sipps.append(Sipp(lab, scenario, user, number).start(
                calls, 1, lasts if "rtp" in scenario or "vanished" in scenario else 0, at_once, minutes * 60 + 120,
                1, period_ms=period_ms))
        sizes, most = [], 0
        while any(sipp.running() for sipp in sipps):
            time.sleep(EVERY_S)
            sizes.append(((time.monotonic() - begun) / 60, lab.rss_kib()))
            most = max(most, len(lab.status()["calls"]))
            print(f"{sizes[-1][0]:6.1f} min  {sizes[-1][1]:7} KiB  {most:4} calls at most", file=sys.stderr, flush=True)
        ended = {scenario.removesuffix(".xml") + " " + user: sipp.wait()
                 for (_, scenario, user, _), sipp in zip(KINDS, sipps)}
        after = settle(lab, minutes)
        steady = [point for point in sizes if minutes * 0.4 <= point[0] <= minutes]
        per_minute = slope(steady) if len(steady) > 2 else 0.0
        wrong = [f"{path}: {before[path]} before, {after[path]} after" for path in HELD if before[path] != after[path]]
        if minutes >= LONG_MINUTES and per_minute > SLOPE_MAX_KIB_PER_MINUTE:
            wrong.append(f"memory grows by {per_minute:.0f} KiB a minute")
        told = {"at_once": at_once, "minutes": minutes, "calls_at_most": most, "rss_kib": [size for _, size in sizes],
                "rss_slope_kib_per_minute": round(per_minute, 1), "before": before, "after": after, "wrong": wrong,
                "ended": {name: {key: one[key] for key in ("created", "successful", "failed")}
                          for name, one in ended.items()}, "load_after": os.getloadavg()[0]}
    print(f"{minutes:g} minutes, {most} calls at once at most: {told['ended']}")
    print(f"memory: {sizes[0][1]} KiB at first, {sizes[-1][1]} KiB at last, "
          f"{per_minute:.1f} KiB a minute over the last three fifths")
    print("ports, sockets, sessions, transactions, tasks: " + ("as before" if not wrong else "; ".join(wrong)))
    return told
