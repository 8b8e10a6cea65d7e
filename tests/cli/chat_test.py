"""scripts/chat as a person meets it: keys into a tmux, and what stands on the screen then."""

import contextlib
import re
import shlex
import subprocess

import pytest

from harness import BIN, LIMIT, SOURCE, until_true

CHAT = SOURCE / "scripts/chat"


class Tmux:
    """A tmux of its own, with scripts/chat in it."""

    def __init__(self, server, *arguments, size=(80, 24), env=None):
        self.server = server
        self.socket = server.folder / "tmux"
        self.socket.unlink(missing_ok=True)
        # In the foreground, so that it dies with the tests.
        self.running = server.start("/usr/bin/env", "tmux", "-u", "-D", "-S", self.socket, "-f", "/dev/null")
        until_true(lambda: subprocess.run(["tmux", "-S", self.socket, "list-sessions"], capture_output=True).returncode == 0)
        variables = {"REDIS_URL": server.url, "HOME": str(server.home), "CHAT_BIN": str(BIN), "LC_ALL": "C.UTF-8", **(env or {})}
        command = shlex.join(["env", *[f"{name}={value}" for name, value in variables.items()], str(CHAT), *arguments])
        # tmux itself sometimes doesn't notice that a program has ended.
        command += '; echo "exit status $?"; read -r end'
        self.tmux("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), command)

    def tmux(self, *command):
        done = subprocess.run(["tmux", "-S", self.socket, *command], capture_output=True, text=True, timeout=LIMIT)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def screen(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def keys(self, *keys):
        """`Enter`, `C-c`, `Up`, or text."""
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def until(self, pattern):
        """Waits until the screen, without spaces at lines' ends, matches; the whole of it is given."""
        seen = ""

        def there():
            nonlocal seen
            seen = re.sub(r" +$", "", self.screen(), flags=re.M).rstrip("\n")
            return re.search(pattern, seen)

        try:
            until_true(there)
        except AssertionError:
            raise AssertionError(f"no {pattern!r} on the screen:\n{seen}") from None
        return seen

    def ended(self):
        """Waits for the end of scripts/chat, and returns its exit status."""
        return int(re.search(r"^exit status ([0-9]+)$", self.until(r"(?m)^exit status [0-9]+$"), re.M)[1])

    def close(self):
        with contextlib.suppress(AssertionError):
            self.tmux("kill-server")
        self.running.kill()


@pytest.fixture
def tmux(server):
    with contextlib.ExitStack() as open_ones:

        def start(*arguments, **options):
            one = Tmux(server, *arguments, **options)
            open_ones.callback(one.close)
            return one

        yield start


PROMPT = r"\[topic1\] ana:"


def test_history_comes_first_and_others_appear_above_the_prompt(server, tmux):
    server.pub("topic1", *[f"before {i}" for i in range(12)], user="ben")
    chat = tmux("topic1", "ana")
    screen = chat.until("before 11\n" + PROMPT + "$")  # the prompt alone may be there first
    assert "before 1\n" not in screen and "before 2\n" in screen and screen.count("ben: before") == 10
    chat.type("half a li")
    chat.until("half a li$")
    server.pub("topic1", "in between", user="carl")
    screen = chat.until(r"carl: in between\n" + PROMPT + " half a li$")
    chat.type("ne")
    chat.keys("Enter")
    chat.until(PROMPT + " half a line\n" + PROMPT + "$")
    until_true(lambda: server.messages()[-1:] == [b"half a line"])
    chat.keys("C-d")
    assert chat.ended() == 0
    with server.client() as client:
        assert client.pubsub_channels() == []


def test_what_was_said_comes_back(server, tmux):
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    chat.type("first")
    chat.keys("Enter")
    until_true(lambda: server.messages() == [b"first"])
    chat.type("/quit")
    chat.keys("Enter")
    assert chat.ended() == 0
    state = server.home / ".local/state/redis-chat"
    assert (state / "history").stat().st_mode & 0o777 == 0o600 and state.stat().st_mode & 0o777 == 0o700
    chat.close()

    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    chat.keys("Up", "Up")
    chat.until(PROMPT + " first$")
    chat.keys("Enter")
    until_true(lambda: server.messages() == [b"first", b"first"])


def test_the_history_is_where_xdg_says(server, tmux):
    chat = tmux("topic1", "ana", env={"XDG_STATE_HOME": str(server.home / "state")})
    chat.until(PROMPT + "$")
    assert (server.home / "state/redis-chat/history").exists()
    chat.close()
    (server.home / "file").touch()
    chat = tmux("topic1", "ana", env={"XDG_STATE_HOME": str(server.home / "file")})
    chat.until(r"what you say is not kept for the next run: .*(.|\n)*" + PROMPT + "$")


def test_commands(server, tmux):
    server.follow("topic1", "-u", "ben")
    server.follow("topic2", "-u", "carl")
    chat = tmux("topic1", "ana", size=(80, 40))
    chat.until(PROMPT + "$")
    chat.type("/who\r")
    chat.until(r"topic1 +ana, ben\n" + PROMPT + "$")
    chat.type("/topics\r")
    chat.until(r"topic4 +0 +0(.|\n)*" + PROMPT + "$")
    chat.type("/help\r")
    chat.until(r"/quit +end\n(.|\n)*" + PROMPT + "$")
    chat.type("/topic\r")
    chat.until(r"you are in topic1; ")
    chat.type("/nonsense\r")
    chat.until(r"no command /nonsense: /help lists them, and //nonsense says it")
    assert server.messages() == []
    chat.type("//path\r")
    until_true(lambda: server.messages() == [b"/path"])


def test_another_topic(server, tmux):
    server.pub("topic2", "what was said there", user="ben")
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    chat.type("/topic tpoic2\r")
    chat.until(r"did you mean topic2\?\n" + PROMPT + "$")
    chat.type("/topic topic2\r")
    chat.until(r"── topic2 ──\n.*ben: what was said there\n\[topic2\] ana:$")
    until_true(lambda: server.run("chat-topics", "who").lines == ["topic2\tana"])
    server.pub("topic1", "not here", user="ben")
    server.pub("topic2", "but here", user="ben")
    screen = chat.until(r"but here\n\[topic2\] ana:$")
    assert "not here" not in screen
    chat.type("hello\r")
    until_true(lambda: server.messages("topic2")[-1] == b"hello")
    chat.keys("C-d")
    assert chat.ended() == 0


def test_tab_completes(server, tmux):
    server.run("chat-topics", "add", "party/friday")
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    chat.type("/topic pa\t")
    chat.until(PROMPT + " /topic party/friday")
    chat.keys("C-c")
    chat.until(PROMPT + "$")
    chat.type("/q\t")
    chat.until(PROMPT + " /quit$")


def test_control_c_empties_the_line_and_then_ends(server, tmux):
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    chat.type("not this")
    chat.until("not this$")
    chat.keys("C-c")
    chat.until("not this(.|\n)*" + PROMPT + "$")
    chat.type("but this\r")
    chat.until("but this\n" + PROMPT + "$")
    until_true(lambda: server.messages() == [b"but this"])
    chat.keys("C-c")
    assert chat.ended() == 0


def test_control_d_ends_only_an_empty_line(server, tmux):
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    chat.type("x")
    chat.keys("C-d")
    chat.type("y\r")
    until_true(lambda: server.messages() == [b"xy"])
    chat.keys("C-d")
    assert chat.ended() == 0


def test_a_new_size(server, tmux):
    words = "one two three four five six seven eight nine ten"
    chat = tmux("topic1", "ana", size=(80, 24))
    chat.until(PROMPT + "$")
    server.pub("topic1", words, user="ben")
    chat.until(words)
    chat.tmux("resize-window", "-x", "40", "-y", "12")
    terminal = chat.tmux("display-message", "-p", "#{pane_tty}").strip()
    until_true(lambda: subprocess.check_output(["stty", "-F", terminal, "size"]) == b"12 40\n")  # tmux takes its time
    chat.type("typed")
    chat.until(PROMPT + " typed$")
    server.pub("topic1", words, user="carl")
    chat.until(r"carl: one two three four(.|\n)*\n {14,15}\w(.|\n)*ten\n" + PROMPT + " typed$")


def test_nobody_drives_my_terminal(server, tmux):
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    server.pub("topic1", "\x1b[2J\x1b]0;title\x07 ana!", user="ben")
    chat.until(r"\\x1b\[2J\\x1b\]0;title\\x07 ana!\n" + PROMPT + "$")
    assert re.search(r"(\x1b\[1;7m|\x1b\[1m\x1b\[7m)ana", chat.screen("-e")), "a mention stands out"
