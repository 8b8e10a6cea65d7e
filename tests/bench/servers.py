"""The private servers: Redis, which scripts/with-redis has started, and mosquitto."""
import os
import subprocess

import redis

from programs import Program, Wrong, installed, path, run, tool

REDIS_SOCKET = os.environ["REDIS_URL"].removeprefix("unix://")
REDIS_CLI = ["redis-cli", "-s", REDIS_SOCKET]
server = redis.Redis(unix_socket_path=REDIS_SOCKET)


def new_topic(name="bench"):
    """An empty server, but for one topic that keeps everything."""
    server.flushall()
    run([tool("chat-topics"), "add", name, "--max-len", "0"])


def published():
    """How many PUBLISH the server has carried out."""
    return server.info("commandstats").get("cmdstat_publish", {}).get("calls", 0)


class Mosquitto:
    """A broker on a Unix socket that drops nothing; use as a context."""

    SETTINGS = """
listener 0 {socket}
allow_anonymous true
user {user}
max_queued_messages 0
max_inflight_messages 0
sys_interval 1
"""

    def __init__(self):
        self.socket = path("mosquitto.sock")
        self.process = None

    def __enter__(self):
        with open(path("mosquitto.conf"), "w", encoding="utf-8") as settings:
            settings.write(self.SETTINGS.format(socket=self.socket, user="root" if os.getuid() == 0 else ""))
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", installed("mosquitto"), "-c",
                                         path("mosquitto.conf")], stderr=subprocess.PIPE)
        for line in self.process.stderr:
            if b"running" in line:
                break
        else:
            raise Wrong("mosquitto did not start")
        self.log = Program(["cat"], stdin=self.process.stderr.fileno())
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.end()
        self.process.stderr.close()

    def client(self, name, *arguments):
        return [name, "--unix", self.socket, "-t", "bench", *arguments]

    def received(self):
        """How many messages were published so far, as the broker last counted."""
        run(["mosquitto_sub", "--unix", self.socket, "-C", "1", "-W", "3", "-t",
             "$SYS/broker/publish/messages/received"], stdout=path("received"))
        with open(path("received"), encoding="ascii") as counted:
            return int(counted.read())
