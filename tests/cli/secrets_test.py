"""No password is shown: in no text, whatever a URL looks like and wherever it is given; nor to other programs."""

import os
import resource
import signal

import pytest
from harness import program

SECRET = "TopSecret99"
URLS = [
    url.format(SECRET)
    for url in (
        "redis://ana:{}@redis.example",
        "redis://:{}@redis.example",
        "redis://:{}@redis.example:6379/0",
        "rediss://ana:{}@redis.example",
        "REDIS://ana:{}@redis.example",
        "reddis://ana:{}@redis.example",
        "http://ana:{}@redis.example",
        "redis-sentinel://ana:{}@one:26379,two:26379/main",
        "rediss-sentinel://:{}@one,two/main",
        "unix://ana:{}@/run/redis.sock",
        "unix://:{}@/run/redis.sock?db=0",
        "redis://ana:{}@[::1]:6379",
        "redis://ana:{}@redis.example?db=1",
        "redis://ana:{}%40x@redis.example",
        "redis://ana:{0}@{0}@redis.example",
        "redis://ana:{0}/{0}@redis.example",
        "redis://ana:x {}@redis.example",
        'redis://ana:x"{}@redis.example',
        "redis://ana:*{}@redis.example",
        "redis://ana:{}",
        "redis://{}@redis.example",
        "redis:ana:{}@redis.example",
        "ana:{}@redis.example",
        ":{}@redis.example",
    )
]
PLACES = {
    "chat-pub": [["chat-pub", "{}", "hi"], ["chat-pub", "{}"]],
    "chat-sub": [["chat-sub", "{}"], ["chat-sub", "{}", "topic1"]],
    "chat-replay": [["chat-replay", "{}"], ["chat-replay", "topic1", "{}"], ["chat-replay", "topic1", "--exec", "x", "--dead-letter", "{}"]],
    "chat-topics": [["chat-topics", "{}"], ["chat-topics", "add", "{}"], ["chat-topics", "rm", "{}"], ["chat-topics", "who", "{}"], ["chat-topics", "list", "{}"]],
}
NAMED = [["--rediss", "{}"], ["--rediss={}"], ["--redis", "{}"], ["--redis={}"], ["--password-file", "{}"], ["--color", "{}"], ["--retry-for", "{}"]]


@pytest.mark.parametrize("tool", PLACES)
@pytest.mark.parametrize("url", URLS)
def test_no_text_shows_a_password(server, tool, url):
    words = PLACES[tool] + [[tool, "topic1", *place] for place in NAMED]
    for argv in words:
        done = server.run(*(word.format(url) if word != url else word for word in argv), "--retry-for", "0s", code=None)
        said = done.err_text + done.text
        assert SECRET not in said and (done.code == 0 or said.startswith(f"{tool}: ")), argv
    done = server.run(*words[0], "--retry-for", "0s", code=None, env={"REDIS_URL": url})
    assert SECRET not in done.err_text


@pytest.mark.parametrize("tool", PLACES)
def test_a_url_in_the_place_of_a_topic_has_a_hint(server, tool):
    for url in ("redis://ana:pw@redis.example", "redis://redis.example:6379", "redis://redis.example?db=0"):
        server.run(*(word.format(url) for word in PLACES[tool][0]), code=None, err="did you forget --redis")


def dumps_core(server, **env):
    """Aborts a chat-sub that waits for messages; whether the kernel has written its memory to a file."""

    def allow():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    sub = server.start("chat-sub", "topic1", ready=True, env=env, preexec_fn=allow).wait_ready()
    sub.send(signal.SIGABRT)
    _, status = os.waitpid(sub.pid, 0)
    assert os.WTERMSIG(status) == signal.SIGABRT
    return os.WCOREDUMP(status)


def test_a_server_that_knows_no_login(make_server):
    """It answers with the arguments of the command."""
    server = make_server()
    server.options["rename-command"] = "AUTH unknown"
    server.restart()
    for tool in ("chat-topics", "chat-pub topic1 x", "chat-sub topic1", "chat-replay topic1"):
        done = server.run(*tool.split(), "--redis", f"unix://ana:S3cr3t@{server.socket}", "--retry-for", "1s", code=69, err="unknown command")
        assert "S3cr3t" not in done.err_text


def test_with_a_password_no_core_file_is_written(make_server):
    server = make_server(requirepass=SECRET)
    if not dumps_core(make_server()):
        pytest.skip("the kernel writes no core files here at all")
    assert not dumps_core(server, REDISCLI_AUTH=SECRET)
    assert not dumps_core(server, REDIS_URL=server.url.replace("unix://", f"unix://:{SECRET}@"))


def test_with_a_password_it_works_for_any_user(make_server):
    server = make_server(requirepass=SECRET, unixsocketperm="777")
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    for folder in (server.folder, server.home):
        folder.chmod(0o777)
    env = {"REDISCLI_AUTH": SECRET}
    as_nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    server.run(*as_nobody, program("chat-pub"), "topic1", "hi", env=env)
    command = [program("chat-replay"), "topic1", "--raw", "--cursor", "c", "--exec", "cat; test -r /proc/self/environ"]
    assert server.run(*as_nobody, *command, env=env).text == "hi\n"
