"""SIPp as the generator: what it is given, and what its files say."""

import csv
import subprocess
from pathlib import Path

from lab import CALLER, HOST, ROOT, Pinned, stop

SPEECH = "Hello. I cannot log in any more. I have tried to reset my password twice, and no mail comes."
QUESTION = "how do i reset my password?"
SILENCE = b"\xff" * 8000  # a second
CUMULATIVE = {"created": "TotalCallCreated", "successful": "SuccessfulCall(C)", "failed": "FailedCall(C)",
              "retransmissions": "Retransmissions(C)"}


def speech(lab, user):
    """The same sentences for everybody, as an office's callers would say them; mu-law at 8 kHz. The stand-in
    ear reads tone speech, which the stand-in voice speaks, so the assistant is asked a question in that, too."""
    wave, raw = lab.folder / "speech.wav", lab.folder / f"speech-{user}.ul"
    if raw.exists():
        return raw
    subprocess.run(["espeak-ng", "-w", wave, SPEECH], check=True)
    said = subprocess.run(["sox", wave, "-r", "8000", "-c", "1", "-e", "mu-law", "-t", "raw", "-"],
                          check=True, capture_output=True).stdout
    if user == "assistant":
        asked = lab.spoken(QUESTION)
        said = SILENCE * 5 + asked + SILENCE * 10 + asked + SILENCE * 10 + said + SILENCE * 5
    raw.write_bytes(said)
    return raw


class Sipp:
    """One SIPp; several may run at once, each with a number of its own."""

    def __init__(self, lab, scenario, user, number=0):
        self.lab = lab
        self.user = user
        self.number = number
        self.folder = lab.folder / f"sipp-{len(list(lab.folder.glob('sipp-*')))}"
        self.folder.mkdir()
        text = (ROOT / "tests/sipp" / scenario).read_text()
        if "AUDIO_FILE" in text:
            text = text.replace("AUDIO_FILE", str(speech(lab, user)))
        (self.folder / "load.xml").write_text(text)
        self.process = None

    def start(self, calls, rate, hold_s, at_once, patience_s, rtt_every=1, period_ms=1000):
        """`rate` calls in each period."""
        # An address each, so that several do not take each other's ports.
        caller = CALLER.rsplit(".", 1)[0] + f".{int(CALLER.rsplit('.', 1)[1]) + self.number}"
        self.process = Pinned.run(
            ["sipp", f"{HOST}:5060", "-sf", "load.xml", "-s", self.user, "-i", caller, "-mi", caller,
             "-p", "5060", "-nostdin", "-r", str(rate), "-rp", str(period_ms), "-m", str(calls), "-l", str(at_once), "-d", str(int(hold_s * 1000)),
             "-timeout", str(int(patience_s)), "-trace_rtt", "-rtt_freq", str(rtt_every), "-trace_stat", "-fd", "1",
             "-trace_err"],
            self.lab.pins.generator, cwd=self.folder,
            stdout=open(self.folder / "sipp.log", "w", encoding="utf-8"), stderr=subprocess.STDOUT)
        self.lab.processes.append(self.process)
        return self

    def running(self):
        return self.process.poll() is None

    def wait(self):
        # Its exit code tells of failed calls; the figures do, too.
        self.process.wait()
        return self.figures()

    def rows(self, pattern, leave_out=None):
        for path in Path(self.folder).glob(pattern):
            if leave_out and leave_out in path.name:
                continue
            with open(path, newline="", encoding="utf-8") as file:
                yield from csv.DictReader(file, delimiter=";")

    def figures(self):
        statistics = list(self.rows("load_*_.csv", leave_out="rtt"))
        if not statistics:
            stop("SIPp left no statistics: " + (self.folder / "sipp.log").read_text(errors="replace")[-500:])
        last = {key: int(statistics[-1][name]) for key, name in CUMULATIVE.items()}
        setup = []
        for row in self.rows("load_*rtt.csv"):
            values = list(row.values())
            try:
                setup.append(float(values[1]))
            except (ValueError, IndexError, TypeError):
                continue  # a heading in the middle
        return {**last, "setup_ms": setup}
