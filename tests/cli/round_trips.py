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
    port; to further nodes of a cluster, too, by the ports that also() gives. What the servers answer is kept back until
    the program (`of(start)`) sleeps and has nothing more to say: so all that it asks without waiting is one round trip,
    however slow the machine is. It is kept back for some milliseconds in any case, so that the server seems to be far
    away."""

    AWAY = 0.02

    def __init__(self, target, listen=None):
        self.count = 0
        self.connections = 0
        self.pid = None
        self.links = {}  # each socket's other end
        self.kept = {}  # of each client: what it is to get
        self.listeners = {}  # each one's target
        self.barriers = []
        self.selector = selectors.DefaultSelector()
        self.wake, waker = socket.socketpair()
        self.selector.register(waker, selectors.EVENT_READ)
        if listen:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(listen))
            listener.listen()
            self._listen(listener, target)
            self.url = f"unix://{listen}"
        else:
            self.url = f"redis://127.0.0.1:{self.also(target)}"
        self.closed = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True
        self.wake.send(b"x")
        self.thread.join(LIMIT)

    def also(self, target):
        """The port by which another server is reached. Before anything is counted."""
        listener = socket.create_server(("127.0.0.1", 0))
        self._listen(listener, target)
        return listener.getsockname()[1]

    def _listen(self, listener, target):
        self.barriers.append(connect_to(target))
        self.listeners[listener] = target
        self.selector.register(listener, selectors.EVENT_READ)

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
        if ready in self.listeners:
            client, _ = ready.accept()
            server = connect_to(self.listeners[ready])
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
        """Once the servers have answered all: each takes one after the other, and this question comes last."""
        for barrier in 2 * self.barriers:
            barrier.sendall(b"PING\r\n")
            answer = b""
            while not answer.endswith(b"\r\n"):
                answer += barrier.recv(64)
        while any([self._take(key.fileobj) or key.fileobj in self.kept for key, _ in self.selector.select(0)]):
            pass
        self.count += 1
        for client, data in list(self.kept.items()):
            self.kept[client] = b""
            with contextlib.suppress(OSError):
                client.sendall(data)
