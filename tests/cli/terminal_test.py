"""What the tools do on a terminal that they don't do in a pipe: escape, colour; and what people type."""

import json
import re
import signal
import time

import pytest

EVIL = "a\x1b[31mb\x07\x00\t\r\nc\x7f\u009b2Jd\u202ee\u2066f\u200eg\u061ch"
START = "2024-11-23 22:13:20"


def test_text_is_escaped(server):
    server.store("topic1", ("e\x1bvil", EVIL))
    shown = server.terminal("chat-replay", "topic1", "--color", "never").shown()
    assert shown == (
        START + r" e\x1bvil: a\x1b[31mb\x07\x00\t\r\nc\x7f\u009b2Jd\u202ee\u2066f\u200eg\u061ch" + "\n"
    ) or shown == (START + r" e\x1bvil: a\x1b[31mb\x07\x00\t\r\nc\x7f\x9b2Jd\u202ee\u2066f\u200eg\u061ch" + "\n")


@pytest.mark.parametrize("form", [[], ["--raw"], ["--json"], ["--format", "%u %m"], ["--raw", "-0"], ["-0"]])
@pytest.mark.parametrize("tool", [["chat-replay"], ["chat-sub", "--last", "9", "-n", "2"]])
def test_no_form_lets_a_field_drive_the_terminal(server, tool, form):
    server.store("topic1", (EVIL, EVIL), ("x", b"\x9b\xff\xc2"))
    shown = server.terminal(tool[0], "topic1", *tool[1:], *form, "--color", "never").shown()
    unsafe = [c for c in shown if (ord(c) < 32 and c not in "\n\0") or 127 <= ord(c) < 160 or 0xDC80 <= ord(c) <= 0xDCFF]
    unsafe += [c for c in shown if c in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"]
    assert unsafe == []
    assert shown.count("\n") + shown.count("\0") == 2


def test_json_on_a_terminal_means_the_same(server):
    server.store("topic1", (EVIL, EVIL))
    shown = server.terminal("chat-replay", "topic1", "--json").shown()
    record = json.loads(shown)
    assert record["user"] == EVIL and record["message"] == EVIL


def test_errors_are_escaped(server):
    server.run("chat-pub", "topic1", "--color", "\x1b[31m", "x", code=64)
    shown = server.terminal("chat-sub", "x\x1b[31m\u202e").shown(code=64)
    assert "\x1b" not in shown and "\u202e" not in shown
    shown = server.terminal("chat-sub", "topic1", "--\x1b[31m").shown(code=64)
    assert "\x1b" not in shown


def test_colour_on_a_terminal(server):
    server.store("topic1", ("ana", "hello"), ("ben", "hi"), ("ana", "again"))
    shown = server.terminal("chat-replay", "topic1").shown()
    assert "\x1b[" in shown
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == (
        "── Saturday 2024-11-23 ──\n22:13:20 ana: hello\n22:13:21 ben: hi\n22:13:22 ana: again\n"
    )
    colours = re.findall(r"(\x1b\[[0-9;]*m)(?=ana|ben)", shown)
    assert len(colours) == 3 and colours[0] == colours[2]


def plain(shown):
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)


LONG = "one two three four five six seven eight nine ten"


def test_long_messages_are_wrapped_under_their_beginning(server):
    server.store("topic1", LONG, "日本語" * 6)
    shown = server.terminal("chat-replay", "topic1", size=(40, 10)).shown()
    assert plain(shown).splitlines() == [
        "── Saturday 2024-11-23 ──",
        "22:13:20 ana: one two three four five",
        "              six seven eight nine ten",
        "22:13:21 ana: 日本語日本語日本語日本語日",
        "              本語日本語",
    ]


def test_a_long_address_is_left_whole(server):
    address = "https://example.org/" + "a/long/path/" * 8
    server.store("topic1", f"look at {address} please")
    shown = plain(server.terminal("chat-replay", "topic1", size=(40, 10)).shown())
    assert shown.splitlines()[1:] == ["22:13:20 ana: look at", f"              {address} please"]


def test_addresses_are_links_where_the_terminal_knows_them(server):
    server.store("topic1", "at http://a.example/b\u00fc, \x1b]8;;http://c\x1b\\d")
    told = r"\x1b]8;;" + "\x1b]8;;http://c\x1b\\http://c\x1b]8;;\x1b\\" + r"\x1b\d"
    link = "\x1b]8;;http://a.example/b%C3%BC\x1b\\http://a.example/b\u00fc\x1b]8;;\x1b\\"
    knowing = {"VTE_VERSION": "6800"}
    assert f": at {link}, {told}\n" in server.terminal("chat-replay", "topic1", env=knowing).shown()
    for how in ({}, {**knowing, "NO_COLOR": "1"}, {**knowing, "TERM": "screen"}):
        assert "\x1b]" not in server.terminal("chat-replay", "topic1", env=how).shown()
    assert "\x1b]8;;http://a" not in server.run("chat-replay", "topic1", "--color", "always", env=knowing).text


def test_what_runs_from_right_to_left_stays_where_it_is(server):
    server.store("topic1", ("\u05d0", "\u05e9\u05dc\u05d5\u05dd"))
    isolated = "22:13:20 \u2068\u05d0\u2069: \u2068\u05e9\u05dc\u05d5\u05dd\u2069\n"
    assert plain(server.terminal("chat-replay", "topic1").shown()).endswith(isolated)
    for how in ({"LC_ALL": "C"}, {"NO_COLOR": "1"}):
        assert "\u2068" not in server.terminal("chat-replay", "topic1", env=how).shown()


def test_a_name_hides_nothing(server):
    server.store("topic1", ("an\u200ba", "a\u200bb"))
    shown = server.terminal("chat-replay", "topic1", "--color", "never").shown()
    assert shown == START + r" an\u200ba: " + "a\u200bb\n"


@pytest.mark.parametrize("piece", ["x", "ana,"])
def test_a_message_of_a_million_bytes_without_a_space(server, piece):
    text = piece * ((1 << 20) // len(piece))
    server.store("topic1", text)
    shown = plain(server.terminal("chat-replay", "topic1", "-u", "ana", env={"CHAT_USER": "ana"}).shown())
    assert shown.endswith(f": {text}\n")


def test_the_width_is_that_of_now(server):
    sub = server.terminal("chat-sub", "topic1", "--ready-fd", "2", size=(40, 10))
    sub.screen.until("\n")
    server.pub("topic1", LONG)
    assert plain(sub.screen.until("ten\r\n")).count("\r\n") == 2
    sub.resize(80, 10)
    server.pub("topic1", LONG)
    assert plain(sub.screen.until("ten\r\n")).count("\r\n") == 1
    sub.send(signal.SIGTERM)
    sub.shown(code=143)


@pytest.mark.parametrize("how", [{"env": {"NO_COLOR": "1"}}, {"env": {"TERM": "dumb"}}, {"on": ("in", "err")}])
def test_nothing_of_it_where_it_is_not_wanted(server, how):
    server.store("topic1", f"ana {LONG}", step=86400000)
    begin = time.monotonic()
    replay = server.terminal("chat-replay", "topic1", "--user", "ana", size=(40, 10), **how)
    shown = replay.shown()
    if "on" in how and time.monotonic() - begin > 1:
        shown = ""  # a slow run shows its progress there
    assert (shown or replay.finish().text) == f"{START} ana: ana {LONG}\n"


def test_a_mention_stands_out(server):
    server.store("topic1", ("ben", "banana"), ("ben", "hi Ana!"), ("ben", "x"))
    for user in (["-u", "ana"], []):
        shown = server.terminal("chat-replay", "topic1", *user, env={"CHAT_USER": "ana"}).shown()
        assert re.findall(r"\x1b\[1;7m(.*?)\x1b\[0m", shown) == ["Ana"]
    assert "\x1b[1;7m" not in server.terminal("chat-replay", "topic1").shown()
    assert "\x1b[1;7m" not in server.run("chat-replay", "topic1", "-u", "ana", "--color", "always").text


@pytest.mark.parametrize("form", [[], ["--raw"]])
def test_the_bell_rings_on_a_live_mention(server, form):
    server.store("topic1", ("ben", "ana, before"))
    sub = server.terminal("chat-sub", "topic1", "--last", "1", "-u", "ana", "--bell", "-n", "3", "--ready-fd", "2", *form)
    sub.screen.until("before[^\n]*\n[^\n]*\n")  # the second newline tells that it is subscribed
    server.pub("topic1", "banana", user="ben")
    server.pub("topic1", "Ana!", user="ben")
    assert sub.shown().endswith("!\n\a") and sub.screen.all.count(b"\a") == 1


def test_the_bell_is_for_a_terminal_and_a_name(server):
    server.run("chat-sub", "topic1", "--bell", code=64, err="--user")
    sub = server.follow("topic1", "--bell", "--raw", "-n", "1", env={"CHAT_USER": "ana"})
    server.pub("topic1", "ana", user="ben")
    assert sub.finish().text == "ana\n"


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_when_it_is_not_wanted(server, env):
    server.store("topic1", "hello")
    assert server.terminal("chat-replay", "topic1", env=env).shown() == f"{START} ana: hello\n"
    assert "\x1b[" in server.terminal("chat-replay", "topic1", "--color", "always", env=env).shown()


@pytest.mark.parametrize(
    "env, color",
    [
        ({"TERM": "xterm-256color"}, r"38;5;\d+"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, r"38;5;\d+"),
        ({"TERM": "xterm"}, "3[1-6]"),
        ({"TERM": None}, "3[1-6]"),
    ],
)
def test_a_user_has_a_colour_that_the_terminal_knows(server, env, color):
    server.store("topic1", "hello")
    assert re.search(rf" \x1b\[{color}mana\x1b\[0m: ", server.terminal("chat-replay", "topic1", env=env).shown())


def test_an_empty_no_color_is_none(server):
    server.store("topic1", "hello")
    assert "\x1b[" in server.terminal("chat-replay", "topic1", env={"NO_COLOR": ""}).shown()


def test_colour_is_for_the_stream_that_is_a_terminal(server):
    server.store("topic1", "hello")
    replay = server.terminal("chat-replay", "topic1", on=("in", "err"))
    assert replay.finish().text == f"{START} ana: hello\n"


def test_json_and_raw_have_no_colour_on_a_terminal(server):
    server.store("topic1", "hello")
    for form in (["--json"], ["--raw"], ["--format", "%u: %m"]):
        assert "\x1b" not in server.terminal("chat-replay", "topic1", *form).shown()


def test_two_people_chat(server):
    ana = server.terminal("chat-pub", "topic1", "-u", "ana", on=("in",))
    ben = server.follow("topic1", "-u", "ben", "--format", "%u: %m")
    ana.type("hello\n")
    assert ben.line() == "ana: hello"
    ana.type("bye\n\x04")
    assert ben.line() == "ana: bye"
    ana.shown()


def test_control_c_ends_a_typing_publisher(server):
    pub = server.terminal("chat-pub", "topic1", "--print-ids", on=("in",))
    pub.type("stored\n")
    pub.line()
    pub.type("not sent\x03")
    pub.shown(code=130)
    assert server.messages() == [b"stored"]


def test_control_c_ends_a_reader(server):
    server.store("topic1", "hello")
    sub = server.terminal("chat-sub", "topic1", "--last", "1", "--color", "never")
    sub.screen.until("ana: hello\r\n")
    sub.type("\x03")
    assert sub.shown(code=130) in ("^C", "^C\n", "")


def test_progress_by_itself_only_on_a_terminal_with_output_elsewhere(server):
    server.store("topic1", *"abc")
    replay = server.terminal("chat-replay", "topic1", "--raw", on=("in", "err"))
    assert replay.finish().text == "a\nb\nc\n"
    both = server.terminal("chat-replay", "topic1", "--raw")
    assert both.shown() == "a\nb\nc\n"


def test_a_tool_says_what_it_waits_for(server):
    pub = server.terminal("chat-pub", "topic1")
    pub.screen.until("chat-pub: type a message a line; Ctrl-D ends\r\n")
    pub.type("hello\n\x04")
    pub.shown()
    sub = server.terminal("chat-sub", "nosuch/*")
    sub.screen.until("chat-sub: no topic matches yet; waiting for one that is added")
    sub.send(signal.SIGTERM)
    sub.shown(code=143)
    quiet = server.terminal("chat-pub", "topic1", "-q")
    quiet.type("hello\n\x04")
    assert "type" not in quiet.shown()
    assert server.messages() == [b"hello", b"hello"]
