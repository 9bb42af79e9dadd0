"""A gateway and a stand-in cloud on loopback, and what the system says of the gateway alone."""

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.78"
CALLER = "127.0.0.79"
HERTZ = os.sysconf("SC_CLK_TCK")


def stop(problem):
    """Ends the script with its one line of explanation."""
    name = os.environ.get("MEASURE_NAME", "measure")
    sys.stderr.write(f"{name}: {problem}\n")
    sys.exit(70)


def binary():
    """The release build; RINGWELL names another one."""
    return Path(os.environ.get("RINGWELL", ROOT / "target/release/ringwell"))


def median(values):
    """Of any number of values, None without one."""
    ordered = sorted(values)
    if not ordered:
        return None
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def percentile(values, share):
    """By nearest rank, None without a value."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


class Pinned:
    """Which processors the gateway and the generator have: one each where there are two."""

    def __init__(self):
        processors = sorted(os.sched_getaffinity(0))
        apart = len(processors) > 1
        self.gateway = {processors[0]} if apart else set(processors)
        self.generator = set(processors[1:]) if apart else set(processors)

    @staticmethod
    def run(command, processors, **more):
        return subprocess.Popen(command, preexec_fn=lambda: os.sched_setaffinity(0, processors), **more)


class Lab:
    """Use as a context: starts on entry, ends everything it started on exit."""

    patience_s = 60.0   # for anything that is waited for

    def __init__(self, tls=False, settings=None, pinned=True, sandbox=True):
        self.tls = tls
        self.settings = settings or {}
        self.with_sandbox = sandbox
        self.pins = Pinned()
        if not pinned:
            self.pins.gateway = self.pins.generator = os.sched_getaffinity(0)
        self.processes = []
        self.gateway = None

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="ringwell-measure-"))
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGKILL if process is self.gateway else signal.SIGTERM)
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def certificate(self):
        """A test authority's certificate for the stand-in cloud, made anew each time."""
        key, certificate = self.folder / "cloud.key", self.folder / "cloud.pem"
        made = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", "/CN=stand-in cloud", "-addext", f"subjectAltName=IP:{HOST}",
             "-addext", "basicConstraints=critical,CA:FALSE",
             "-keyout", key, "-out", certificate],
            capture_output=True, text=True)
        if made.returncode:
            stop(f"openssl makes no certificate: {made.stderr.strip()}")
        return key, certificate

    def configuration(self):
        text = (ROOT / "config/examples/lab.toml").read_text()
        text = text.replace("127.0.0.1:5060", f"{HOST}:5060")
        if self.tls:
            text = text.replace("ws://127.0.0.1:8900", f"wss://{HOST}:18901")
            text = text.replace("http://127.0.0.1:8900", f"https://{HOST}:18901")
        text = text.replace("127.0.0.1:8900", f"{HOST}:18901")
        # The real services are asked twice an hour, not twice a minute.
        text = text.replace('sync_interval = "30s"', 'sync_interval = "30m"')
        text = re.sub(r"(?m)^address = .*", f'address = "{HOST}"', text)
        text = re.sub(r"(?m)^ports = .*", 'ports = "16384-32767"', text)
        text = re.sub(r"(?m)^max = .*", f"max = {self.settings.get('calls', 1000)}", text)
        threads = self.settings.get("threads")
        if threads:
            text = text.replace("[media]", f"[media]\nthreads = {threads}")
        # One caller stands for many.
        return text + "\n[guard]\ncalls_per_second = 0\ncalls_per_second_overall = 0\nmessages_per_second = 0\n"

    def start(self):
        environment = dict(os.environ)
        sandbox = [binary(), "sandbox", "--listen", f"{HOST}:18901", "--first-token", "0", "--token", "0",
                   "--first-audio", "0"]
        if self.tls:
            key, certificate = self.certificate()
            sandbox += ["--certificate", certificate, "--certificate-key", key]
            environment["SSL_CERT_FILE"] = str(certificate)
        if self.with_sandbox:
            self.processes.append(Pinned.run(
                sandbox, self.pins.generator, stdout=subprocess.DEVNULL, stderr=self.log("sandbox")))
        (self.folder / "load.toml").write_text(self.configuration())
        begun = time.monotonic()
        self.gateway = Pinned.run(
            [binary(), "run", "--config", self.folder / "load.toml", "--state", self.folder / "state"],
            self.pins.gateway, env=environment, stdout=subprocess.DEVNULL, stderr=self.log("gateway"))
        self.processes.append(self.gateway)
        self.until("running", lambda status: status["state"] == "running")
        self.started_s = time.monotonic() - begun
        if self.with_sandbox:
            self.until("furnished", lambda status: status["knowledge"]["articles"] > 0
                       and status["services"]["prompts"] == "rendered")

    def log(self, name):
        return open(self.folder / f"{name}.log", "w", encoding="utf-8")

    def fail(self, problem):
        for name in ("gateway", "sandbox"):
            path = self.folder / f"{name}.log"
            if path.exists():
                sys.stderr.write("".join(path.read_text(errors="replace").splitlines(True)[-20:]))
        stop(problem)

    def ready_ms(self):
        """From the read configuration to READY, as the gateway itself says."""
        found = re.search(r"READY_MS=(\d+)", (self.folder / "gateway.log").read_text(errors="replace"))
        if not found:
            self.fail("the gateway did not say that it is ready")
        return int(found.group(1))

    def status(self):
        told = subprocess.run([binary(), "status", "--state", self.folder / "state", "--json"],
                              capture_output=True, text=True)
        return json.loads(told.stdout) if told.returncode == 0 else None

    def connects_to_cloud(self):
        """Whether a connection to the stand-in cloud is established, idle ones among them."""
        address, port = HOST.split("."), 18901
        cloud = "".join(f"{int(part):02X}" for part in reversed(address)) + f":{port:04X}"
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        return any(line.split()[2:4] == [cloud, "01"] for line in lines)

    def until(self, what, holds):
        end = time.monotonic() + self.patience_s
        while time.monotonic() < end:
            if self.gateway.poll() is not None:
                self.fail("the gateway has ended")
            status = self.status()
            if status and holds(status):
                return status
            time.sleep(0.1)
        return self.fail(f"the gateway did not become {what}")

    def spoken(self, text):
        """A text in the stand-in voice, mu-law at 8 kHz."""
        scheme = "https" if self.tls else "http"
        request = urllib.request.Request(
            f"{scheme}://{HOST}:18901/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000&container=none",
            data=json.dumps({"text": text}).encode(),
            headers={"Authorization": "Token none", "Content-Type": "application/json"})
        trusted = ssl.create_default_context(cafile=self.folder / "cloud.pem") if self.tls else None
        with urllib.request.urlopen(request, timeout=self.patience_s, context=trusted) as answer:
            return answer.read()

    def at_rest(self):
        return self.until("silent", lambda status: not status["calls"] and status["ports"]["in_use"] == 0)

    def cpu_s(self):
        """User and system time of the gateway so far."""
        fields = Path(f"/proc/{self.gateway.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / HERTZ

    def threads_cpu_s(self):
        """The same by the threads' names."""
        used = {}
        for task in Path(f"/proc/{self.gateway.pid}/task").iterdir():
            try:
                name = (task / "comm").read_text().strip()
                fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            used[name] = used.get(name, 0) + (int(fields[11]) + int(fields[12])) / HERTZ
        return used

    def rss_kib(self):
        text = Path(f"/proc/{self.gateway.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))

    def files(self):
        return len(os.listdir(f"/proc/{self.gateway.pid}/fd"))
