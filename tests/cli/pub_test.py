"""chat-pub: what is read, how it is stored, what goes over the wire."""

import base64
import json
import pwd
import os
import random
import re
import signal
import threading
import time

import pytest

from harness import LIMIT, sanitized, until_true


def test_each_line_is_a_message(server):
    assert server.run("chat-pub", "topic1", input="one\ntwo\n three \n").out == b""
    assert server.messages() == [b"one", b"two", b" three "]


def test_a_last_line_without_newline_counts(server):
    server.run("chat-pub", "topic1", input="one\ntwo")
    assert server.messages() == [b"one", b"two"]


def test_empty_lines_count(server):
    server.run("chat-pub", "topic1", input="\none\n\n")
    assert server.messages() == [b"", b"one", b""]


def test_skip_empty(server):
    server.run("chat-pub", "topic1", "--skip-empty", input="\none\n\n\ntwo\n\n")
    assert server.messages() == [b"one", b"two"]


def test_carriage_returns_stay(server):
    server.run("chat-pub", "topic1", input="one\r\n\r\n")
    assert server.messages() == [b"one\r", b"\r"]


def test_empty_input_is_no_message(server):
    assert server.run("chat-pub", "topic1", input="").out == b""
    assert server.messages() == []
    server.run("chat-pub", "topic1", stdin=open(os.devnull))
    assert server.messages() == []


@pytest.mark.parametrize("flag", ["-0", "--null"])
def test_null_separated_messages_may_hold_newlines(server, flag):
    server.run("chat-pub", "topic1", flag, input="a\nb\0\0c\n\0d")
    assert server.messages() == [b"a\nb", b"", b"c\n", b"d"]


def test_whole_takes_every_byte(server):
    everything = bytes(range(256)) * 5
    server.run("chat-pub", "topic1", "--whole", input=everything)
    assert server.messages() == [everything]


def test_bytes_that_are_no_utf8_are_stored_exactly(server):
    lines = [bytes([b]) * 3 for b in range(256) if b != 10]
    server.run("chat-pub", "topic1", input=b"\n".join(lines) + b"\n")
    assert server.messages() == lines


def test_a_high_rate_is_no_end(server):
    server.run("chat-topics", "set", "topic1", "--max-len", "0")
    server.run("chat-pub", "topic1", "--rate", "50000", input="".join(f"{i}\n" for i in range(50000)))
    assert server.messages() == [b"%d" % i for i in range(50000)]


def test_a_line_of_a_mebibyte(server):
    line = random.Random(1).randbytes(1 << 19).hex()
    server.run("chat-pub", "topic1", input=f"short\n{line}\nshort\n")
    assert server.messages() == [b"short", line.encode(), b"short"]


def test_a_longer_line_is_refused_by_its_number_and_the_rest_is_published(server):
    line = "x" * ((1 << 20) + 1)
    done = server.run("chat-pub", "topic1", input=f"one\n{line}\nthree\n", code=65, err=r"\b2\b")
    assert len(done.err) < 1000
    assert server.messages() == [b"one", b"three"]


def test_max_size(server):
    server.run("chat-pub", "topic1", "--max-size", "4", input="1234\n12345\n1\n", code=65, err=r"\b2\b")
    assert server.messages() == [b"1234", b"1"]
    server.run("chat-pub", "topic2", "--max-size", "2M", "--whole", input="x" * (2 << 20))
    assert [len(m) for m in server.messages("topic2")] == [2 << 20]


def test_message_words_are_one_message(server):
    server.run("chat-pub", "topic1", "hello", "big  world", input="not read\n")
    assert server.messages() == [b"hello big  world"]


def test_message_words_after_two_dashes_may_look_like_options(server):
    server.run("chat-pub", "topic1", "-u", "ana", "--", "--help", "-x")
    assert server.messages() == [b"--help -x"]


def test_an_empty_message_word_is_an_empty_message(server):
    server.run("chat-pub", "topic1", "", input="not read\n")
    assert server.messages() == [b""]


def test_message_words_leave_the_input_of_a_loop_alone(server):
    script = "printf '%s\\n' a b c | while read -r word; do chat-pub topic1 got $word; done"
    server.shell(script)
    assert server.messages() == [b"got a", b"got b", b"got c"]


def test_user_by_option_then_environment_then_login_name(server):
    server.run("chat-pub", "topic1", "--user", "ana", "hi", env={"CHAT_USER": "ben"})
    server.run("chat-pub", "topic1", "-u", "Ana María", "hi")
    server.run("chat-pub", "topic1", "hi", env={"CHAT_USER": "ben"})
    server.run("chat-pub", "topic1", "hi")
    login = pwd.getpwuid(os.getuid()).pw_name
    users = [fields[b"user"].decode() for _, fields in server.entries()]
    assert users == ["ana", "Ana María", "ben", login]


@pytest.mark.parametrize("user", ["", "a\nb", "\x1b[31mred", "x" * 65, b"\xff", "\x7f", "\u0085"])
def test_a_name_that_can_be_no_user_is_refused(server, user):
    server.run("chat-pub", "topic1", "--user", user, "hi", code=64)
    assert server.messages() == []


def test_a_user_of_64_bytes_is_allowed(server):
    server.run("chat-pub", "topic1", "--user", "ü" * 32, "hi")
    assert server.entries()[0][1][b"user"].decode() == "ü" * 32


def test_entries_have_exactly_these_fields(server):
    before = int(time.time())
    server.pub("topic1", "hi", user="ana")
    ((id, fields),) = server.entries()
    assert list(fields) == [b"user", b"message", b"timestamp", b"pub"]
    assert fields[b"user"] == b"ana" and fields[b"message"] == b"hi"
    assert before <= int(fields[b"timestamp"]) <= time.time()
    assert re.fullmatch(rb"[A-Za-z0-9._-]{8}-1", fields[b"pub"])
    assert re.fullmatch(r"\d{13}-1", id)


def test_publishers_have_an_id_of_each_run_and_count_from_one(server):
    server.pub("topic1", "a", "b")
    server.pub("topic1", "c", "d")
    first, second, third, fourth = (fields[b"pub"].rpartition(b"-") for _, fields in server.entries())
    assert first[0] == second[0] != third[0] == fourth[0]
    assert [first[2], second[2], third[2], fourth[2]] == [b"1", b"2", b"1", b"2"]


def listen(server, *channels):
    pubsub = server.client().pubsub()
    pubsub.subscribe(*channels)
    for _ in channels:
        assert pubsub.get_message(timeout=LIMIT)["type"] == "subscribe"
    return pubsub


def heard(pubsub, count):
    found = [pubsub.get_message(timeout=LIMIT) for _ in range(count)]
    assert pubsub.get_message(timeout=0) is None
    return [message["data"] for message in found]


def test_the_payload_is_exactly_this(server):
    pubsub = listen(server, "topic1")
    server.pub("topic1", "hi", 'say "no" \\ \t é 😀', user="ana")
    for data, (id, fields), text in zip(heard(pubsub, 2), server.entries(), ["hi", 'say \\"no\\" \\\\ \\t é 😀'], strict=True):
        stamp, pub = fields[b"timestamp"].decode(), fields[b"pub"].decode()
        assert data.decode() == f'{{"user": "ana", "message": "{text}", "timestamp": {stamp}, "id": "{id}", "pub": "{pub}"}}'


def test_the_payload_of_binary_has_its_bytes_as_base64(server):
    pubsub = listen(server, "topic1")
    server.run("chat-pub", "topic1", input=b"a\xff\x00b\n")
    payload = json.loads(heard(pubsub, 1)[0])
    assert payload["message"] == "a\ufffd\0b"
    assert base64.b64decode(payload["data"]) == b"a\xff\x00b"


def test_ephemeral_is_the_originals_message_and_leaves_nothing(server):
    pubsub = listen(server, "topic1")
    before = int(time.time())
    server.run("chat-pub", "topic1", "--ephemeral", "-u", "ana", input='hi\né "x"\n')
    for data, text in zip(heard(pubsub, 2), ["hi", 'é "x"'], strict=True):
        payload = json.loads(data)
        assert list(payload) == ["user", "message", "timestamp"]
        assert payload["user"] == "ana" and payload["message"] == text
        assert type(payload["timestamp"]) is int and before <= payload["timestamp"] <= time.time()
    assert server.messages() == []


def test_ephemeral_keeps_the_order_of_many(server):
    sub = server.follow("topic1", "--raw", "-n", "20000")
    text = "".join(f"{i}\n" for i in range(20000))
    server.run("chat-pub", "topic1", "--ephemeral", input=text)
    assert sub.finish().text == text


def test_ids_count_without_holes_over_runs(server):
    server.pub("topic1", "a", "b")
    server.pub("topic1", "c")
    server.pub("topic2", "x")
    server.pub("topic1", "d", "e")
    assert [int(id.split("-")[1]) for id, _ in server.entries()] == [1, 2, 3, 4, 5]
    assert [int(id.split("-")[1]) for id, _ in server.entries("topic2")] == [1]
    times = [int(id.split("-")[0]) for id, _ in server.entries()]
    assert times == sorted(times)


def test_ids_count_without_holes_over_concurrent_publishers(server):
    sub = server.follow("topic1", "--format", "%i %u %m", "-n", "4000")
    pubs = [server.start("chat-pub", "topic1", "-u", f"u{p}") for p in range(4)]
    for start in range(0, 1000, 50):  # interleaved on purpose
        for pub in pubs:
            pub.write("".join(f"{i}\n" for i in range(start, start + 50)))
    for pub in pubs:
        pub.finish()
    entries = server.entries()
    assert [int(id.split("-")[1]) for id, _ in entries] == list(range(1, 4001))
    for p in range(4):
        own = [int(fields[b"message"]) for _, fields in entries if fields[b"user"] == f"u{p}".encode()]
        assert own == list(range(1000))
    stored = [f"{id} {fields[b'user'].decode()} {fields[b'message'].decode()}" for id, fields in entries]
    assert sub.finish().lines == stored


def test_the_highest_id_ends_no_reader(server):
    """Of another program: nothing can be stored behind it."""
    server.pub("topic1", "a")
    sub = server.follow("topic1", "--raw")
    highest = "18446744073709551615-18446744073709551615"
    server.client().xadd("chat:{topic1}", {"user": "x", "message": "own"}, id=highest)
    server.run("chat-pub", "topic1", input="b\n", code=69, err="ends with the ID 1844.*rename the stream, or chat-topics rm topic1 --purge")
    tell = f"ends with the ID {highest}, after which Redis takes nothing.*chat-topics rm topic1 --purge"
    replay = ["chat-replay", "topic1", "--raw"]
    assert server.run(*replay, err=tell).lines == ["a", "own"]
    assert server.run(*replay, "--reverse", err=tell).lines == ["own", "a"]
    assert server.run(*replay, "--cursor", "c", err=tell).lines == ["a", "own"]
    assert server.run(*replay, "--cursor", "c").lines == []
    assert server.run(*replay, "--group", "g").lines == ["a", "own"]
    assert server.run(*replay, "--group", "g").lines == []
    assert server.run("chat-sub", "topic1", "--raw", "--last", "1", "-n", "1", err=tell).lines == ["own"]
    for _ in range(2):
        server.client().execute_command("CLIENT KILL TYPE PUBSUB")
        sub.err.until("back at Redis")
        until_true(lambda: server.client().pubsub_numsub("topic1")[0][1] == 1)
    sub.out.until("own\n")
    assert sub.stop().err_text.count("after which Redis takes nothing") == 1


def test_ids_go_on_after_somebodys_own_entry_of_the_far_future(server):
    server.pub("topic1", "a")
    server.client().xadd("chat:{topic1}", {"user": "x", "message": "own"}, id="9999999999999-7")
    server.pub("topic1", "b", "c")
    server.pub("topic1", "d")
    assert server.messages() == [b"a", b"own", b"b", b"c", b"d"]
    ids = [id for id, _ in server.entries()]
    assert [int(id.split("-")[1]) for id in (ids[0], ids[2], ids[3], ids[4])] == [1, 2, 3, 4]
    assert all(int(id.split("-")[0]) >= 9999999999999 for id in ids[1:])


def test_ids_go_on_after_somebodys_own_entry_now(server):
    client = server.client()
    for i in range(20):
        client.xadd("chat:{topic1}", {"user": "x", "message": "own"})
        server.pub("topic1", f"{i}")
    ours = [id for id, fields in server.entries() if fields[b"message"] != b"own"]
    assert [int(id.split("-")[1]) for id in ours] == sorted(int(id.split("-")[1]) for id in ours)
    assert [m for m in server.messages() if m != b"own"] == [str(i).encode() for i in range(20)]


def test_a_clean_end_leaves_no_key_of_the_publisher(server):
    server.pub("topic1", "a")
    assert sorted(server.client().keys()) == [b"chat:{topic1}", b"chat:{topic1}:info"]


def test_a_default_topic_is_made_by_its_first_message(server):
    server.pub("topic3", "a")
    info = server.client().hgetall("chat:{topic3}:info")
    assert info[b"n"] == b"1" and info[b"ms"] == server.entries("topic3")[0][0].split("-")[0].encode()
    assert info[b"max_len"] == b"100000"


def test_an_unknown_topic_is_an_error_that_lists_near_names(server):
    server.run("chat-pub", "tpoic1", "hi", code=66, err="tpoic1.*did you mean topic1")
    server.run("chat-pub", "tpoic1", input="hi\n", code=66, err="tpoic1.*did you mean topic1")
    assert server.client().dbsize() == 0


def test_create(server):
    server.run("chat-pub", "--create", "news/today", "hi")
    server.run("chat-pub", "news/today", "--create", "again")
    assert server.messages("news/today") == [b"hi", b"again"]
    assert "news/today" in server.run("chat-topics", "--names").lines
    server.run("chat-pub", "news/today", "no longer needed")


def test_json_input(server):
    records = [
        {"message": "plain"},
        {"message": "by ben", "user": "ben", "timestamp": 1732400000},
        {"user": None, "message": "line\nbreak", "timestamp": None, "id": "1-1", "more": [1, {}]},
        {"message": "ignored", "data": base64.b64encode(b"\xff\x00").decode()},
    ]
    text = "".join(json.dumps(record) + "\n" for record in records)
    before = int(time.time())
    server.run("chat-pub", "topic1", "--json", "-u", "ana", input=text)
    found = [(f[b"user"], f[b"message"], int(f[b"timestamp"])) for _, f in server.entries()]
    assert [(user, message) for user, message, _ in found] == [
        (b"ana", b"plain"),
        (b"ben", b"by ben"),
        (b"ana", b"line\nbreak"),
        (b"ana", b"\xff\x00"),
    ]
    assert found[1][2] == 1732400000
    assert all(before <= stamp <= time.time() for _, _, stamp in (found[0], found[2], found[3]))


def test_json_input_names_its_topics(server):
    records = [{"topic": "topic1", "message": "a"}, {"topic": "topic2", "message": "b"}, {"topic": "topic1", "message": "c"}]
    server.run("chat-pub", "--json", input="".join(json.dumps(record) + "\n" for record in records))
    assert server.messages("topic1") == [b"a", b"c"]
    assert server.messages("topic2") == [b"b"]


def in_turn(count, *topics):
    """Records for each topic in turn, and what each gets."""
    messages = {topic: [f"{i} {'x' * (i % 50)}" for i in range(count)] for topic in topics}
    records = [json.dumps({"topic": topic, "message": messages[topic][i]}) for i in range(count) for topic in topics]
    return "".join(f"{record}\n" for record in records), messages


@pytest.mark.parametrize("option", [[], ["--import-id", "i"], ["--print-ids"]])
def test_many_topics_in_turn(server, option):
    topics = [f"t{i}" for i in range(40)]
    text, messages = in_turn(200, *topics)
    done = server.run("chat-pub", "--json", "--create", *option, input=text)
    for topic in topics:
        assert [m.decode() for m in server.messages(topic)] == messages[topic]
    if option == ["--print-ids"]:
        ids = {topic: iter([id for id, _ in server.entries(topic)]) for topic in topics}
        assert done.lines == [next(ids[topic]) for _ in range(200) for topic in topics]


def test_ephemeral_messages_of_topics_in_turn(server):
    text, messages = in_turn(2000, "topic1", "topic2")
    subs = [server.follow(topic, "--raw") for topic in messages]
    server.run("chat-pub", "--json", "--ephemeral", input=text)
    for sub, expected in zip(subs, messages.values()):
        assert sub.lines(2000) == expected


def test_json_input_to_a_given_topic_goes_there(server):
    server.run("chat-pub", "--json", "topic2", input='{"topic": "topic1", "message": "a"}\n')
    assert server.messages("topic2") == [b"a"]
    assert server.messages("topic1") == []


def test_bad_json_records_are_numbered_and_the_rest_is_published(server):
    lines = [
        '{"message": "good 1"}',
        "not json",
        '{"message": 5}',
        '{"message": "good 4"}',
        '{"user": "ana"}',
        '["message"]',
        '{"message": "x", "user": 7}',
        '{"message": "x", "timestamp": "now"}',
        '{"data": "%%%"}',
        '{"message": "x", "user": "a\\nb"}',
        "[" * 100000,
        '{"message": "good 12"}',
        "",
        '{"message": "cut',
    ]
    done = server.run("chat-pub", "topic1", "--json", input="\n".join(lines) + "\n", code=65)
    assert server.messages() == [b"good 1", b"good 4", b"good 12"]
    for number in (2, 3, 5, 6, 7, 8, 9, 10, 11, 14):
        assert re.search(rf"\b{number}\b", done.err_text), (number, done.err_text)
    assert all(line.startswith("chat-pub: ") for line in done.err_text.splitlines())
    assert len(done.err) < 5000


def test_json_records_without_any_topic_are_bad(server):
    text = '{"message": "a"}\n{"message": "b", "topic": "topic1"}\n{"message": "c", "topic": "-x"}\n'
    done = server.run("chat-pub", "--json", input=text, code=65)
    assert server.messages() == [b"b"]
    assert re.search(r"\b1\b", done.err_text) and re.search(r"\b3\b", done.err_text)


def test_replay_into_pub_copies_a_topic_exactly(server):
    server.run("chat-pub", "topic1", "--whole", "-u", "ana", input=bytes(range(256)))
    server.run("chat-pub", "topic1", "-0", "-u", "Ben é", input='a\nb\0\0\t"\\\0')
    server.store("topic3", "old", ("carl", "times"))
    server.shell("chat-replay topic1 --json | chat-pub topic2 --json && chat-replay topic3 --json | chat-pub topic2 --json")

    def plain(topic):
        return [[fields[name] for name in (b"user", b"message", b"timestamp")] for _, fields in server.entries(topic)]

    assert plain("topic2") == plain("topic1") + plain("topic3")


def test_tee_passes_the_input_through(server):
    text = b"one\n\ntwo\xff\nlast"
    assert server.run("chat-pub", "topic1", "--tee", input=text).out == text
    assert server.messages() == [b"one", b"", b"two\xff", b"last"]


def test_tee_passes_each_line_at_once(server):
    pub = server.start("chat-pub", "topic1", "--tee")
    for i in range(3):
        pub.write(f"line {i}\n")
        assert pub.line() == f"line {i}"
    pub.finish()


@pytest.mark.parametrize("option", ["--tee", "--print-ids"])
def test_what_was_read_is_published_when_nobody_reads_the_output_any_more(server, option):
    """As for `head`: the input may have no end. The status tells that there was more."""
    server.run("chat-topics", "set", "topic1", "--max-len", "0")
    command = f"set +o pipefail; seq 1000000000 | chat-pub topic1 {option} | head -n 1; exit ${{PIPESTATUS[1]}}"
    done = server.shell(command, code=74, err="nobody reads the output any more; nothing from record")
    assert len(done.lines) == 1
    stored = server.messages()
    assert len(stored) > 100
    assert stored == [b"%d" % n for n in range(1, len(stored) + 1)]
    assert int(re.search(r"record (\d+) on was", done.err_text)[1]) == len(stored) + 1


@pytest.mark.parametrize("option", ["--tee", "--print-ids"])
def test_nothing_is_told_when_nobody_reads_the_output_but_all_is_published(server, option):
    server.shell(f"set +o pipefail; seq 10 | chat-pub topic1 {option} | true; exit ${{PIPESTATUS[1]}}")
    assert server.messages() == [b"%d" % n for n in range(1, 11)]


def test_print_ids(server):
    done = server.run("chat-pub", "topic1", "--print-ids", input="a\nb\nc\n")
    assert done.lines == [id for id, _ in server.entries()]
    done = server.run("chat-pub", "topic1", "--print-ids", "d")
    assert done.lines == [server.entries()[-1][0]]


def test_print_ids_at_once(server):
    pub = server.start("chat-pub", "topic1", "--print-ids")
    for i in range(3):
        pub.write(f"line {i}\n")
        assert pub.line() == server.entries()[i][0]
    pub.finish()


def test_rate(server):
    begin = time.monotonic()
    server.run("chat-pub", "topic1", "--rate", "20", input="a\nb\nc\nd\n")
    assert time.monotonic() - begin >= 0.13  # 3/20 s but for what is made up; not all at once
    assert server.messages() == [b"a", b"b", b"c", b"d"]


def test_a_stop_publishes_nothing_ahead_of_the_rate_and_says_what_was_not_published(server):
    pub = server.start("chat-pub", "topic1", "--rate", "5", "--print-ids")
    pub.write("".join(f"{i}\n" for i in range(1, 5001)))
    pub.line()
    pub.send(signal.SIGINT)
    said = pub.finish(130, err=r"stopped; nothing from record \d+ on was acknowledged").err_text
    first = int(re.search(r"record (\d+) on", said)[1])
    stored = server.messages()
    assert stored == [b"%d" % i for i in range(1, first)]
    assert len(stored) < 2500


def test_the_size_of_a_message_is_that_of_its_bytes_not_of_its_json(server):
    size = 300_000
    for message in (random.Random(1).randbytes(size), bytes(size), "\u20ac".encode() * (size // 3)):
        server.run("chat-topics", "set", "topic1", "--max-len", "1")
        server.run("chat-pub", "topic1", "--whole", input=message)
        server.shell("chat-replay topic1 --last 1 --json | chat-pub --json --max-size 300000 topic2")
        assert server.messages("topic2")[-1] == message
    longer = json.dumps({"message": "x" * (size + 1)})
    server.run("chat-pub", "topic1", "--json", "--max-size", str(size), input=longer, code=65, err=r"record 1: longer than 300000 bytes")


def test_empty_lines_of_json_input_are_passed_over(server):
    done = server.run("chat-pub", "topic1", "--json", input='\n{"message": "a"}\n \t\r\n\n{broken\n', code=65, err=r"record 5\b")
    assert done.err_text.count("record") == 1
    assert server.messages() == [b"a"]


def test_a_topic_keeps_exactly_its_last_messages(server):
    server.run("chat-topics", "set", "topic1", "--max-len", "100")
    for part in range(3):
        server.pub("topic1", *range(part * 60, part * 60 + 60))
    assert server.messages() == [str(i).encode() for i in range(80, 180)]
    assert server.entries()[-1][0].endswith("-180")


def test_a_run_that_sends_more_than_the_topic_keeps_says_so(server):
    server.run("chat-topics", "set", "topic1", "--max-len", "10")
    server.pub("topic1", *range(10))
    done = server.pub("topic1", *range(25), err="topic1")
    assert re.search(r"chat-topics set topic1 --max-len \d+", done.err_text), done.err_text
    assert server.messages() == [str(i).encode() for i in range(15, 25)]


def test_quiet_leaves_that_note_out(server):
    server.run("chat-topics", "set", "topic1", "--max-len", "10")
    server.run("chat-pub", "-q", "topic1", input="x\n" * 20)


def test_a_big_input_is_complete_and_in_order(server):
    server.run("chat-topics", "set", "topic1", "--max-len", "0")
    rng = random.Random(2)
    lines = [f"{i} " + "x" * rng.randrange(120) for i in range(200_000)]
    server.run("chat-pub", "topic1", input="\n".join(lines) + "\n", limit=3 * LIMIT)
    stored = server.shell(f"redis-cli -s {server.socket} --raw xrange 'chat:{{topic1}}' - +").lines
    ids, messages = stored[::9], stored[4::9]  # an entry is the ID and four pairs
    assert messages == lines
    assert [int(id.partition("-")[2]) for id in ids] == list(range(1, 200_001))


def test_a_typed_line_arrives_while_the_input_stays_open(server):
    sub = server.follow("topic1", "--raw")
    pub = server.terminal("chat-pub", "topic1", on=("in",))
    for i in range(3):
        pub.type(f"line {i}\n")
        assert sub.line() == f"line {i}"
    pub.type("\x04")
    pub.shown()
    assert server.messages() == [b"line 0", b"line 1", b"line 2"]


def test_a_line_through_a_pipe_arrives_while_the_input_stays_open(server):
    sub = server.follow("topic1", "--raw")
    pub = server.start("chat-pub", "topic1")
    pub.write("half")
    for i in range(3):
        pub.write(f" {i}\n")
        assert sub.line() == ("half" if i == 0 else "") + f" {i}"
    pub.finish()


def test_exit_0_means_stored_while_others_load_the_server(server):
    stop = threading.Event()

    def load():
        with server.client() as client:
            while not stop.is_set():
                client.script_flush()

    thread = threading.Thread(target=load)
    thread.start()
    try:
        text = "".join(f"{i}\n" for i in range(20_000))
        server.run("chat-pub", "topic1", input=text)
    finally:
        stop.set()
        thread.join()
    assert b"".join(m + b"\n" for m in server.messages()).decode() == text


TWO_TOPICS = """awk '{ print "{\\"topic\\": \\"topic" NR % 2 + 1 "\\", \\"message\\": \\"" $0 "\\"}" }'"""


MANY_TOPICS = """awk '{ printf "{\\"topic\\": \\"t%d\\", \\"message\\": \\"%0400d\\"}\\n", NR / 128, $0 }'"""
INPUTS = {
    "one topic": ("seq 300000", "topic1"),
    "two topics in turn": (f"seq 300000 | {TWO_TOPICS}", "--json"),
    "many topics one after the other": (f"seq 128000 | {MANY_TOPICS}", "--json --create"),
}


@pytest.mark.parametrize("producer, way", INPUTS.values(), ids=INPUTS)
def test_memory_is_constant(server, producer, way):
    if sanitized():
        pytest.skip("memory of a sanitized program says nothing")
    # A small process in between, since a child's peak counts what its parent had at the fork.
    peak = (
        "import os, sys, resource; code = os.spawnvp(os.P_WAIT, sys.argv[1], sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )
    script = f"{producer} | /usr/bin/python3 -S -c '{peak}' chat-pub {way} --max-size 1M -q"
    done = server.shell(script, err=r"^\d+$", limit=3 * LIMIT)
    assert int(done.err_text) < 16 * 1024


def test_input_that_can_not_be_read(server):
    with open_folder() as folder:
        server.run("chat-pub", "topic1", stdin=folder, code=65)


class open_folder:
    def __enter__(self):
        self.fd = os.open("/", os.O_RDONLY)
        return self.fd

    def __exit__(self, *_):
        os.close(self.fd)


def test_a_line_that_the_terminal_has_cut_is_told(server):
    pub = server.terminal("chat-pub", "topic1")
    pub.screen.until("type a message a line")
    pub.type("x" * 5000 + "\n")
    pub.screen.until("record 1: a terminal takes at most 4095 bytes of a line")
    pub.type("\x04")
    assert pub.wait() == 0
    assert [len(message) for message in server.messages()] == [4095]
