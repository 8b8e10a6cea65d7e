"""A proxy between the tools and Redis that fails on demand."""

import contextlib
import socket
import threading
from pathlib import Path

from harness import LIMIT

TO_SERVER, TO_CLIENT = "to_server", "to_client"


def connect_to(target):
    """A connection to a path or a port."""
    if isinstance(target, int):
        return socket.create_connection(("127.0.0.1", target))
    server = socket.socket(socket.AF_UNIX)
    server.connect(str(target))
    return server


class Proxy:
    """Listens on 127.0.0.1, or on a Unix socket when `listen` is a path, and passes everything on to `target`,
    a port of 127.0.0.1 or a path.

        cut()                   ends all connections now
        cut_after(n, direction) ends each later connection after its n-th byte in that direction was passed on
        refuse() / accept()     whether new connections are taken
        stall() / resume()      nothing is passed on, yet nothing is closed: a half-open connection
    """

    def __init__(self, target, listen=None):
        self.target = target
        self.change = threading.Condition()
        self.links = []  # pairs of sockets
        self.taken = 0  # connections so far
        self.passed = {TO_SERVER: 0, TO_CLIENT: 0}  # bytes so far
        self.stalled = set()
        self.limits = {}
        self.refusing = False
        self.closed = False
        if listen is None:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.port = self.listener.getsockname()[1]
            self.url = f"redis://127.0.0.1:{self.port}"
        else:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(listen))
            self.listener.listen()
            self.url = f"unix://{Path(listen)}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def cut(self):
        with self.change:
            links, self.links = self.links, []
        for link in links:
            self._end(link)

    def cut_after(self, count, direction):
        """None as count: not any more."""
        with self.change:
            self.limits.pop(direction, None)
            if count is not None:
                self.limits[direction] = count

    def refuse(self):
        self.refusing = True

    def accept(self):
        self.refusing = False

    def stall(self, *directions):
        with self.change:
            self.stalled = set(directions or (TO_SERVER, TO_CLIENT))

    def resume(self):
        with self.change:
            self.stalled = set()
            self.change.notify_all()

    def wait_for(self, condition, limit=LIMIT):
        """Waits until condition(self) is true, such as lambda proxy: proxy.taken == 2."""
        with self.change:
            assert self.change.wait_for(lambda: condition(self), limit), f"taken {self.taken}, passed {self.passed}"

    def close(self):
        self.closed = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.resume()
        self.cut()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
                continue
            try:
                server = connect_to(self.target)
            except OSError:
                client.close()
                continue
            link = (client, server)
            with self.change:
                self.links.append(link)
                self.taken += 1
                limits = self.limits_of_next()
                self.change.notify_all()
            for source, sink, direction in ((client, server, TO_SERVER), (server, client, TO_CLIENT)):
                arguments = (link, source, sink, direction, limits.get(direction))
                threading.Thread(target=self._pass_on, args=arguments, daemon=True).start()

    def limits_of_next(self):
        """After how many bytes the connection that has just come is cut, by direction."""
        return dict(self.limits)

    def before_passing_on(self, direction):
        """For tests in which something happens between two requests or answers."""

    def altered(self, data, direction):
        """What is passed on in its place."""
        return data

    def _pass_on(self, link, source, sink, direction, left):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                with self.change:
                    self.change.wait_for(lambda: direction not in self.stalled or self.closed)
                    if link not in self.links:
                        return
                self.before_passing_on(direction)
                data = self.altered(data, direction)
                if left is not None:
                    data = data[:left]
                    left -= len(data)
                sink.sendall(data)
                with self.change:
                    self.passed[direction] += len(data)
                    self.change.notify_all()
                if left == 0:
                    break
        with self.change:
            if link in self.links:
                self.links.remove(link)
        self._end(link)

    @staticmethod
    def _end(link):
        for end in link:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
