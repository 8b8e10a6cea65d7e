"""The output of chat-sub and chat-replay in pipes: text, JSON, raw, templates. For terminals see terminal_test.py."""

import base64
import json
import re
import time

import pytest

START = 1732400000000  # 2024-11-23T22:13:20Z


def test_text_of_another_day_has_the_date(server):
    server.store("topic1", ("ana", "hello"))
    assert server.run("chat-replay", "topic1").text == "2024-11-23 22:13:20 ana: hello\n"


def test_text_of_today_has_the_time(server):
    while True:
        now = int(time.time())
        server.run("chat-pub", "--json", "topic1", input=json.dumps({"user": "ana", "message": "hi", "timestamp": now}))
        line = server.run("chat-replay", "topic1", "--last", "1").text
        if time.gmtime(now).tm_yday == time.gmtime().tm_yday:  # else midnight came in between
            break
    assert line == time.strftime("%H:%M:%S ana: hi\n", time.gmtime(now))


def test_text_is_in_local_time(server):
    server.store("topic1", ("ana", "hello"))
    assert server.run("chat-replay", "topic1", env={"TZ": "XST-5:30"}).text == "2024-11-24 03:43:20 ana: hello\n"


def test_a_newline_in_text_is_escaped(server):
    server.run("chat-pub", "topic1", "--whole", "-u", "ana", input="a\n12:00:00 ben: forged\r\n\tx\n")
    (line,) = server.run("chat-replay", "topic1").out.decode().split("\n")[:-1]
    assert line.endswith(" ana: a\\n12:00:00 ben: forged\r\\n\tx\\n")


def test_a_newline_in_the_user_is_escaped(server):
    server.store("topic1", ("ana: hi\n12:00:00 ben", "x"))
    assert server.run("chat-replay", "topic1").text == "2024-11-23 22:13:20 ana: hi\\n12:00:00 ben: x\n"


def test_other_bytes_pass_a_pipe_unchanged(server):
    every = bytes(b for b in range(256) if b != 10)
    server.run("chat-pub", "topic1", "-u", "ana", input=every)
    assert server.run("chat-replay", "topic1").out.endswith(b" ana: " + every + b"\n")


def test_json(server):
    (id,) = server.store("topic1", ("ana", 'hi "there"\n\\ é 😀 \u2028 \x7f'))
    assert server.run("chat-replay", "topic1", "--json").text == (
        f'{{"topic": "topic1", "id": "{id}", "user": "ana", "message": "hi \\"there\\"\\n\\\\ é 😀 \u2028 \x7f", '
        '"timestamp": 1732400000}\n'
    )


def test_json_is_valid_for_any_bytes(server):
    messages = [bytes([a, b]) for a in (0, 9, 31, 34, 92, 127, 128, 192, 237, 244, 255) for b in range(256)]
    server.store("topic1", *messages)
    lines = server.run("chat-replay", "topic1", "--json").out.split(b"\n")
    assert lines.pop() == b""
    for line, message in zip(lines, messages, strict=True):
        record = json.loads(line.decode("utf-8", "strict"))
        try:
            assert record["message"] == message.decode()
            assert "data" not in record
        except UnicodeDecodeError:
            assert base64.b64decode(record["data"], validate=True) == message
            assert "\ufffd" in record["message"]


def test_json_of_a_user_that_is_no_utf8_is_valid(server):
    server.store("topic1", (b"a\xffb", "hi"))
    assert json.loads(server.run("chat-replay", "topic1", "--json").text)["user"] == "a\ufffdb"


def test_raw(server):
    server.store("topic1", "a", b"\xff\x00", "", "line\nbreak")
    assert server.run("chat-replay", "topic1", "--raw").out == b"a\n\xff\x00\n\nline\nbreak\n"


def test_null_separated(server):
    server.store("topic1", ("ana", "a"), ("ben", "b\nc"))
    assert server.run("chat-replay", "topic1", "--raw", "-0").out == b"a\0b\nc\0"
    assert server.run("chat-replay", "topic1", "-0").out == b"2024-11-23 22:13:20 ana: a\0" b"2024-11-23 22:13:21 ben: b\\nc\0"
    assert server.run("chat-replay", "topic1", "--format", "%m", "--null").out == b"a\0b\\nc\0"


@pytest.mark.parametrize(
    "template, expected",
    [
        ("%m", "hello"),
        ("%t %i %u", f"topic1 {START}-1 ana"),
        ("%u\\t%m", "ana\thello"),
        ("%%u\\\\n", "%u\\n"),
        ("a\\nb", "a\nb"),
        ("\\0", "\0"),
        ("\\q", "\\q"),
        ("%{%Y/%m/%d %H.%M.%S}", "2024/11/23 22.13.20"),
        ("%{%s} %{%%}", "1732400000 %"),
        ("[%{x}]", "[x]"),
        ("%T", r"2024-11-23T22:13:20(\+00:00|Z)"),
        ("<%m%m>", "<hellohello>"),
        ("é😀", "é😀"),
        ("", ""),
    ],
)
def test_format(server, template, expected):
    server.store("topic1", ("ana", "hello"))
    text = server.run("chat-replay", "topic1", "--format", template).text
    pattern = expected if template == "%T" else re.escape(expected)
    assert re.fullmatch(pattern + "\n", text), text


def test_format_of_iso_time_has_the_offset(server):
    server.store("topic1", ("ana", "hello"))
    text = server.run("chat-replay", "topic1", "--format", "%T", env={"TZ": "XST-5:30"}).text
    assert text == "2024-11-24T03:43:20+05:30\n"


def test_format_of_a_message_without_id(server):
    sub = server.follow("topic1", "--format", "%i %u %m", "-n", "1")
    server.client().publish("topic1", '{"user": "old", "message": "hi", "timestamp": 1}')
    assert sub.finish().text == "- old hi\n"


def test_format_escapes_newlines_in_fields(server):
    server.store("topic1", ("a\nb", "c\nd"))
    assert server.run("chat-replay", "topic1", "--format", "%u|%m").text == "a\\nb|c\\nd\n"


def test_strange_timestamps_do_no_harm(server):
    with server.client() as client:
        for i, stamp in enumerate(["-1", "0", "99999999999", "9223372036854775807", "-9223372036854775808", "x", "", "1e3"]):
            client.xadd("chat:{topic1}", {"user": "u", "message": f"m{i}", "timestamp": stamp}, id=f"1732400000000-{i + 1}")
    for form in (["--json"], ["--format", "%T %{%c} %m"], []):
        done = server.run("chat-replay", "topic1", *form)
        assert [re.search(r"m\d", line)[0] for line in done.lines] == [f"m{i}" for i in range(8)]
    for line in server.run("chat-replay", "topic1", "--json").lines:
        json.loads(line)


def test_entries_that_are_no_messages_are_reported_and_skipped(server):
    with server.client() as client:
        client.xadd("chat:{topic1}", {"user": "u", "message": "a", "timestamp": "1"}, id="1-1")
        client.xadd("chat:{topic1}", {"other": "\x1b[31m"}, id="1-2")
        client.xadd("chat:{topic1}", {"user": "u", "message": "b", "timestamp": "1"}, id="1-3")
    done = server.run("chat-replay", "topic1", "--raw", err="topic1.* no chat message")
    assert done.text == "a\nb\n"
    assert b"\x1b" not in done.err


def test_no_colour_in_a_pipe_unless_always(server):
    server.store("topic1", "hello")
    assert b"\x1b" not in server.run("chat-replay", "topic1").out
    assert b"\x1b" not in server.run("chat-replay", "topic1", "--color", "auto").out
    always = server.run("chat-replay", "topic1", "--color", "always").text
    assert "\x1b[" in always
    assert re.sub(r"\x1b\[[0-9;]*m", "", always) == "2024-11-23 22:13:20 ana: hello\n"
    assert server.run("chat-replay", "topic1", "--color", "always", "--json").text.startswith('{"topic"')
    assert server.run("chat-replay", "topic1", "--color", "always", "--raw").text == "hello\n"


def test_forms_exclude_each_other(server):
    for tool in ("chat-sub", "chat-replay"):
        for forms in (["--json", "--raw"], ["--json", "--format", "%m"], ["--raw", "--format", "%m"]):
            server.run(tool, "topic1", *forms, code=64)


def test_sub_and_replay_print_the_same(server):
    for form in ([], ["--json"], ["--raw"], ["--format", "%t %i %u %T %m"], ["-0"]):
        sub = server.follow("topic1", "-n", "3", *form)
        server.pub("topic1", "a", 'b "\t', "é")
        assert sub.finish().out == server.run("chat-replay", "topic1", "--last", "3", *form).out
