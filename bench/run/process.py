"""Programs that run beside a measurement, ended with it."""

import atexit
import contextlib
import os
import select
import signal
import subprocess
import tempfile
import time

import machine

_alive = []


class Daemon:
    """A program in the background, on one CPU. It dies with close(), and with us."""

    def __init__(self, name, command, cpu=machine.OTHER_CPU, ready=None, env=None, timeout=20, piped=False):
        """`ready`: a line that the program prints on stdout when it can be used; None: at once.
        `piped`: its stdout is read by line()."""
        self.name = name
        self._lines, self._rest = [], ""
        self._log = tempfile.TemporaryFile(mode="w+")
        self._process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if ready or piped else self._log,
            stderr=self._log,
            text=True,
            env={**os.environ, **(env or {})},
            preexec_fn=lambda: self._prepare(cpu),
        )
        _alive.append(self)
        if ready:
            self._await_line(ready, timeout)

    @staticmethod
    def _prepare(cpu):
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})

    def _await_line(self, line, timeout):
        try:
            while self.line(timeout).strip() != line:
                pass
        except machine.CommandError as error:
            self.close()
            raise machine.CommandError(f"{self.name} did not become ready: {error}") from error

    def line(self, timeout):
        """The next line of its stdout; each is awaited for at most `timeout` seconds."""
        if not self._lines and not self._fill_lines(timeout):
            raise machine.CommandError(f"{self.name} said nothing for {timeout} s: {self.said()}")
        return self._lines.pop(0)

    def _fill_lines(self, timeout):
        deadline = time.monotonic() + timeout
        stream = self._process.stdout
        while time.monotonic() < deadline:
            if not select.select([stream], [], [], deadline - time.monotonic())[0]:
                return False
            data = os.read(stream.fileno(), 65536).decode()
            if not data:
                return False
            *whole, self._rest = (self._rest + data).split("\n")
            self._lines += whole
            if whole:
                return True
        return False

    @property
    def pid(self):
        return self._process.pid

    @property
    def stdin(self):
        return self._process.stdin

    def running(self):
        return self._process.poll() is None

    def said(self, characters=2000):
        """The end of what it wrote to stderr."""
        self._log.flush()
        self._log.seek(0)
        return self._log.read()[-characters:].strip()

    def kill(self):
        """SIGKILL, and its end awaited."""
        self._process.kill()
        self._process.wait()

    def close(self):
        if self.running():
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        if self in _alive:
            _alive.remove(self)


def wait_until(condition, what, timeout=20, every=0.02):
    """Polls `condition` until it is true; returns what it returned."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise machine.CommandError(f"{what} did not happen within {timeout} s")
        time.sleep(every)


@atexit.register
def _close_all():
    for daemon in list(_alive):
        daemon.close()
