"""scripts/: a private Redis for a command, the smoke test, the demo, talking in a terminal."""

import re
import signal
from pathlib import Path

import pytest

from harness import BIN, SOURCE, until_true

WITH_REDIS, SMOKE, DEMO, CHAT = (SOURCE / "scripts" / name for name in ("with-redis", "smoke", "demo", "chat"))
ENV = {"CHAT_BIN": str(BIN), "PROMPT_TOOLKIT_NO_CPR": "1"}
PATIENT = {**ENV, "SMOKE_SECONDS": "100"}
FAILING = {**ENV, "SMOKE_SECONDS": "30"}  # a tenth is how long a tool tries


def folder_of(url):
    """The folder of a server of with-redis."""
    assert url.startswith("unix:///")
    return Path(url.removeprefix("unix://")).parent


def test_with_redis_hands_on_input_output_and_status(server):
    script = 'echo "$REDIS_URL"; cat; redis-cli -s "${REDIS_URL#unix://}" ping; exit 7'
    url, *rest = server.run(WITH_REDIS, "sh", "-c", script, input="hello\n", code=7).lines
    assert rest == ["hello", "PONG"]
    assert url != server.url and not folder_of(url).exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("handler, code", [("trap 'exit 9' TERM HUP INT;", lambda number: 9), ("", lambda number: 128 + number)])
def test_with_redis_hands_on_signals(server, number, handler, code):
    running = server.start(WITH_REDIS, "sh", "-c", handler + 'echo "$REDIS_URL"; while :; do read x; done')
    folder = folder_of(running.line())
    running.stop(code(number), number)
    assert not folder.exists()


def test_with_redis_cleans_up_when_the_command_is_killed(server):
    result = server.run(WITH_REDIS, "sh", "-c", 'echo "$REDIS_URL"; kill -9 $$', code=137)
    assert not folder_of(result.lines[0]).exists()


def test_with_redis_cleans_up_when_it_is_killed(server):
    running = server.start(WITH_REDIS, "sh", "-c", 'echo "$REDIS_URL"; exec cat')
    folder = folder_of(running.line())
    running.send(signal.SIGKILL)
    running.out.rest()  # ends with the last process that had it
    assert not folder.exists()


def test_with_redis_says_what_is_wrong(server):
    server.run(WITH_REDIS, code=64, err="COMMAND")
    server.run(WITH_REDIS, "true", env={"REDIS_SERVER": "no-such-server"}, code=69, err="no no-such-server here")
    server.run(WITH_REDIS, "true", env={"REDIS_OPTIONS": "--no-such-option 1"}, code=69, err="did not start")
    shown = server.run(WITH_REDIS, "sh", "-c", 'redis-cli -s "${REDIS_URL#unix://}" config get maxmemory',
                       env={"REDIS_OPTIONS": "--maxmemory 1mb --appendonly yes"})  # fmt: skip
    assert shown.lines == ["maxmemory", "1048576"]


def left_behind(server):
    with server.client() as client:
        return client.keys() + [file.name for file in server.home.iterdir()]


def test_smoke_is_silent_and_leaves_nothing(server):
    env = {**PATIENT, "TMPDIR": str(server.home)}
    assert server.run(SMOKE, env=env).out == b""
    assert left_behind(server) == []


def test_smoke_leaves_nothing_when_it_is_ended(server):
    with server.client() as client:
        def held():
            return {other["id"] for other in client.client_list() if "b" in other["flags"]}

        client.execute_command("CLIENT", "PAUSE", 60000, "WRITE")
        smoke = server.start(SMOKE, env={**PATIENT, "TMPDIR": str(server.home)})
        until_true(held)
        first_write = held()
        smoke.send(signal.SIGTERM)
        until_true(lambda: not first_write & held())  # or it might go on, and publish
        client.execute_command("CLIENT", "UNPAUSE")
        smoke.finish(code=143)
    assert left_behind(server) == []


def test_smoke_says_what_is_wrong_in_one_line(make_server):
    server = make_server()
    for url in ("redis://127.0.0.1:1", "nonsense"):
        result = server.run(SMOKE, env={**FAILING, "REDIS_URL": url}, code=1)
        assert re.fullmatch(r"smoke: listing topics failed: chat-topics: .+\n", result.err_text)
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-publish")
    result = server.run(SMOKE, env=FAILING, code=1)
    assert re.fullmatch(r"smoke: .+ failed: .+\n", result.err_text)


def test_smoke_names_a_redis_that_is_full(make_server):
    server = make_server()
    with server.client() as client:
        client.config_set("maxmemory", 1)
    result = server.run(SMOKE, env=FAILING, code=1)
    assert re.fullmatch(r"smoke: .+ failed: .+OOM .+\n", result.err_text)


def test_smoke_names_a_replay_that_fails(server):
    for tool in ("chat-pub", "chat-sub", "chat-topics"):
        (server.home / tool).symlink_to(BIN / tool)
    (server.home / "chat-replay").write_text("#!/bin/sh\necho 'chat-replay: no way' >&2\nexit 69\n")
    (server.home / "chat-replay").chmod(0o755)
    result = server.run(SMOKE, env={**PATIENT, "CHAT_BIN": str(server.home)}, code=1)
    assert result.err_text == "smoke: replay failed: chat-replay: no way\n"


def test_smoke_removes_what_an_earlier_run_has_left(server):
    for topic in ("smoke.1700000000.abc", "smoke.signals"):
        server.run("chat-topics", "add", topic)
    server.run(SMOKE, env=PATIENT)
    assert server.run("chat-topics", "--names", "smoke.*").lines == ["smoke.signals"], "another's topic stays"


def test_smoke_has_a_bound(make_server):
    server = make_server()
    with server.client() as client:
        client.execute_command("CLIENT", "PAUSE", 600000, "WRITE")
    said = server.run(SMOKE, env={**ENV, "SMOKE_SECONDS": "10"}, code=1).err_text
    assert said in ("smoke: Redis took too long\n",) or re.fullmatch(r"smoke: .+ failed: .+\n", said)
    server.stop_process()
    result = server.run(SMOKE, env=ENV, code=1)
    assert re.fullmatch(r"smoke: .+\n", result.err_text)
    server.continue_process()


def test_the_demo_shows_what_it_should(server):
    shown = server.run(WITH_REDIS, DEMO, "--play", env=ENV).text
    assert "ben   | [topic1] otto: Noon it is" in shown


def test_the_demo_sees_what_is_wrong(server):
    for tool in ("chat-pub", "chat-sub", "chat-replay"):
        (server.home / tool).symlink_to(BIN / tool)
    (server.home / "chat-topics").symlink_to("/bin/true")
    server.run(WITH_REDIS, DEMO, "--play", env={"CHAT_BIN": str(server.home)}, code=1, err="not what it should be")


def test_chat_shows_what_others_say_above_the_line_being_typed(server):
    server.pub("topic1", "before", user="ben")
    follower = server.follow("topic1", "--user", "carl", "--format", "%u: %m")
    chat = server.terminal(CHAT, "topic1", "ana", env=ENV)
    chat.screen.until("before")
    chat.screen.until("ana: ?")
    chat.type("hello w")
    chat.screen.until("hello w")
    server.pub("topic1", "evil \x1b[31m", user="ben")
    assert follower.line() == "ben: evil \x1b[31m"
    above = chat.screen.until(r"(?s)evil .*hello w")
    assert re.search(r"evil \\x1b\[31m\n", above.replace("\r\n", "\n")), "above the line, and escaped"
    chat.type("orld\r")
    assert follower.line() == "ana: hello world"
    assert server.run("chat-topics", "who", "topic1").lines == ["ana", "carl"]
    chat.type("\x04")
    chat.shown(code=0)
    with server.client() as client:
        assert [name for name in client.pubsub_channels() if b"ana" in name] == [], "chat-sub has ended"


@pytest.mark.parametrize("end", ["\x03", signal.SIGTERM, signal.SIGHUP])
def test_chat_ends(server, end):
    chat = server.terminal(CHAT, "topic1", "ana", env=ENV)
    chat.screen.until("ana: ?")
    chat.type(end) if isinstance(end, str) else chat.send(end)
    chat.shown(code=0)
    with server.client() as client:
        assert client.pubsub_channels() == []


def test_chat_says_what_is_wrong(server):
    assert "did you mean topic1?" in server.terminal(CHAT, "tpoic1", "ana", env=ENV).shown(code=66)
    assert "can't reach Redis" in server.terminal(CHAT, "topic1", env={**ENV, "REDIS_URL": "redis://127.0.0.1:1"}).shown(code=69)
    server.run(CHAT, "topic1", env=ENV, code=64, err="terminal")
    server.run(CHAT, env=ENV, code=64, err="TOPIC")


def test_chat_ends_with_its_topic(server):
    chat = server.terminal(CHAT, "topic1", "ana", env=ENV)
    chat.screen.until("ana: ?")
    server.run("chat-topics", "rm", "topic1")
    assert "was removed" in chat.shown(code=66)
