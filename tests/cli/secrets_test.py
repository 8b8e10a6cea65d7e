"""No password is shown: in no text, whatever a URL looks like and wherever it is given; nor to other programs."""

import pytest

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
