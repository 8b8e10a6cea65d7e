"""Places for a cursor where it can't be kept, or not by everybody: found out before the first message is given."""

import os
import stat
import subprocess

import pytest
from harness import program

USER = 54321  # nobody else's

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root may mount, and become another user")


@pytest.fixture
def open_server(make_server):
    """A Redis that every user may use, and a home for all."""
    server = make_server(unixsocketperm="777")
    for folder in (server.folder, server.home):
        folder.chmod(0o777)
    server.pub("topic1", "a")
    return server


def as_other(server, *options, **more):
    return server.run(
        "/usr/bin/setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--",
        program("chat-replay"), "topic1", "--raw", *options, **more,
    )  # fmt: skip


@needs_root
def test_a_folder_without_rights(open_server):
    server = open_server
    (server.home / "closed").mkdir(mode=0o755)
    done = as_other(server, "--cursor", "closed/cursor", "--exec", "cat", code=73, err="closed/cursor.*Permission denied")
    assert done.out == b""
    assert os.listdir(server.home / "closed") == []


@needs_root
def test_a_file_without_rights(open_server):
    server = open_server
    cursor = server.home / "cursor"
    cursor.write_text("0-0\n")
    cursor.chmod(0o600)
    done = as_other(server, "--cursor", cursor, "--exec", "cat", code=73, err="cursor.*Permission denied")
    assert done.out == b""
    assert cursor.read_text() == "0-0\n"


@needs_root
def test_devices_are_refused_and_stay(open_server):
    """As another user: if this is broken, root would replace them."""
    for device in ("/dev/null", "/dev/full", "/dev/stdin"):
        done = as_other(open_server, "--cursor", device, "--exec", "cat", code=73, err=f"{device} is no regular file")
        assert done.out == b""
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@needs_root
def test_a_lock_that_root_left_locks_nobody_out(open_server):
    server = open_server
    old = os.umask(0o077)
    try:
        server.replay("topic1", "--cursor", "cursor")
    finally:
        os.umask(old)
    (server.home / "cursor").unlink()
    assert (server.home / "cursor.lock").stat().st_uid == 0
    assert as_other(server, "--cursor", "cursor").text == "a\n"
    (server.home / "cursor.lock").chmod(0o600)
    as_other(server, "--cursor", "cursor", code=73, err="another user's run made it: when none uses this cursor, remove it")


@needs_root
def test_only_who_may_use_a_cursor_can_lock_it(open_server):
    server = open_server
    folder = server.home / "mine"
    folder.mkdir()
    folder.chmod(0o755)
    server.replay("topic1", "--cursor", folder / "cursor")
    assert stat.S_IMODE((folder / "cursor.lock").stat().st_mode) == 0o600
    os.chown(folder, USER, USER)
    (folder / "cursor.lock").unlink()
    server.replay("topic1", "--cursor", folder / "cursor")
    assert (folder / "cursor.lock").stat().st_uid == USER


@needs_root
def test_a_cursor_of_a_group_stays_one(open_server):
    server = open_server
    group, member = 60100, 54322
    folder = server.home / "shared"
    folder.mkdir()
    os.chown(folder, USER, group)
    folder.chmod(0o770)
    (folder / "cursor").write_text("0-0\n")
    os.chown(folder / "cursor", USER, group)
    (folder / "cursor").chmod(0o660)
    for user in (member, USER, member):
        server.run(
            "/usr/bin/setpriv", f"--reuid={user}", f"--regid={user}", f"--groups={group}", "--",
            program("chat-replay"), "topic1", "--raw", "--cursor", folder / "cursor",
        )  # fmt: skip
        about = (folder / "cursor").stat()
        assert (about.st_gid, stat.S_IMODE(about.st_mode)) == (group, 0o660)


@needs_root
def test_owner_and_mode_stay_when_root_goes_on(open_server):
    server = open_server
    as_other(server, "--cursor", "cursor")
    cursor = server.home / "cursor"
    cursor.chmod(0o640)
    server.pub("topic1", "b")
    assert server.replay("topic1", "--raw", "--cursor", cursor) == ["b"]
    about = cursor.stat()
    assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (USER, USER, 0o640)
    server.pub("topic1", "c")
    assert as_other(server, "--cursor", "cursor").text == "c\n"


def replay_in_namespace(server, mount, cursor):
    """Where these mounts are, and nowhere else."""
    namespace = ["unshare", "--mount", "/bin/sh", "-c", f'{mount} || exit 99; exec "$@"', "-"]
    options = ["--cursor", cursor, "--exec", "cat"]
    done = server.run("/usr/bin/env", *namespace, program("chat-replay"), "topic1", *options, code=None)
    if done.code in (1, 99):
        pytest.skip("no right to mount here")
    return done


@needs_root
@pytest.mark.parametrize("content", ["", "1-1\n"])
def test_a_file_that_is_mounted_by_itself(server, content):
    """As containers do it: it can be written, but not replaced."""
    server.pub("topic1", "a")
    (server.home / "outside").write_text(content)
    (server.home / "cursor").write_text("")
    done = replay_in_namespace(server, "mount --bind outside cursor", "cursor")
    done.check(73, err="can't replace the cursor .*cursor: Device or resource busy; where the file is mounted, mount its folder")
    assert done.out == b""
    assert (server.home / "outside").read_text() == content
    assert not (server.home / "cursor.part").exists()


@needs_root
def test_a_folder_that_is_read_only(server):
    server.pub("topic1", "a")
    (server.home / "folder").mkdir()
    done = replay_in_namespace(server, "mount --bind -o ro folder folder && mount -o remount,ro,bind folder", "folder/cursor")
    done.check(73, err="folder/cursor.*Read-only file system")
    assert done.out == b""


def test_a_name_that_is_too_long(server):
    server.pub("topic1", "a")
    done = server.run("chat-replay", "topic1", "--cursor", "x" * 251, "--exec", "cat", code=73, err="File name too long")
    assert done.out == b""


def test_links_stay_links_wherever_they_lead(server):
    server.pub("topic1", "a")
    (server.home / "there").mkdir()
    (server.home / "real").write_text("")
    links = {"existing": "real", "dangling": "there/new", "relative": "../home/there/other", "twice": "dangling"}
    for name, target in links.items():
        (server.home / name).symlink_to(target)
    loop = server.home / "loop"
    loop.symlink_to("loop")
    assert server.run("chat-replay", "topic1", "--raw", "--cursor", "existing", err="is empty").text == "a\n"
    for name in ("dangling", "relative"):
        assert server.replay("topic1", "--raw", "--cursor", name) == ["a"]
    assert server.replay("topic1", "--raw", "--cursor", "twice") == []
    for name, target in links.items():
        assert os.readlink(server.home / name) == target
    assert server.position("real") == server.position("there/new") == server.position("there/other")
    server.run("chat-replay", "topic1", "--cursor", "loop", code=73, err="loop")


def test_an_empty_cursor_file_is_told(server):
    server.pub("topic1", "a")
    for text in ("", "\n"):
        (server.home / "cursor").write_text(text)
        done = server.run("chat-replay", "topic1", "--raw", "--cursor", "cursor", err="the cursor cursor is empty: beginning where a new one does")
        assert done.text == "a\n"
