"""A proxy that counts round trips: how often a program waits for an answer."""

import contextlib
import selectors
import socket
import threading
import time

from harness import LIMIT
from proxy import connect_to


class RoundTrips:
    """Listens on a Unix socket or, without `listen`, on 127.0.0.1, and passes everything on to `target`, a path or a
    port. What the server answers is kept back until the program (`of(start)`) sleeps and has nothing more to say: so
    all that it asks without waiting is one round trip, however slow the machine is. It is kept back for some
    milliseconds in any case, so that the server seems to be far away."""

    AWAY = 0.02

    def __init__(self, target, listen=None):
        self.target = target
        self.count = 0
        self.connections = 0
        self.pid = None
        self.links = {}  # each socket's other end
        self.kept = {}  # of each client: what it is to get
        self.selector = selectors.DefaultSelector()
        self.listener = socket.socket(socket.AF_UNIX if listen else socket.AF_INET)
        self.listener.bind(str(listen) if listen else ("127.0.0.1", 0))
        self.listener.listen()
        self.url = f"unix://{listen}" if listen else f"redis://127.0.0.1:{self.listener.getsockname()[1]}"
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.wake, waker = socket.socketpair()
        self.selector.register(waker, selectors.EVENT_READ)
        self.barrier = connect_to(target)
        self.closed = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True
        self.wake.send(b"x")
        self.thread.join(LIMIT)

    def of(self, start):
        """Counts those of the program that start() starts. Until the next call."""
        self.pid = None
        self.count = self.connections = 0
        running = start()
        self.pid = running.pid
        return running

    def _run(self):
        release_at = 0
        while not self.closed:
            waiting = any(self.kept.values())
            ready = self.selector.select(0.0005 if waiting else None)
            for key, _ in ready:
                self._take(key.fileobj)
            if ready or not waiting:
                release_at = time.monotonic() + self.AWAY
            elif self.pid and time.monotonic() > release_at and self._asleep():
                self._release()

    def _take(self, ready):
        if ready is self.listener:
            client, _ = self.listener.accept()
            server = connect_to(self.target)
            self.connections += 1
            self.links.update({client: server, server: client})
            self.kept[client] = b""
            for end in (client, server):
                self.selector.register(end, selectors.EVENT_READ)
        elif ready in self.links:
            self._pass_on(ready)

    def _pass_on(self, source):
        data = b""
        with contextlib.suppress(OSError):
            data = source.recv(1 << 16)
        sink = self.links[source]
        if not data:
            self.kept.pop(source, self.kept.pop(sink, None))
            for end in (source, sink):
                del self.links[end]
                self.selector.unregister(end)
                end.close()
        elif source in self.kept:
            sink.sendall(data)
        else:
            self.kept[sink] += data

    def _asleep(self):
        with contextlib.suppress(OSError), open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "S"
        return True  # it has gone

    def _release(self):
        """Once the server has answered all: it takes one after the other, and this question comes last."""
        for _ in range(2):
            self.barrier.sendall(b"PING\r\n")
            answer = b""
            while not answer.endswith(b"\r\n"):
                answer += self.barrier.recv(64)
        while any([self._take(key.fileobj) or key.fileobj in self.kept for key, _ in self.selector.select(0)]):
            pass
        self.count += 1
        for client, data in list(self.kept.items()):
            self.kept[client] = b""
            with contextlib.suppress(OSError):
                client.sendall(data)
