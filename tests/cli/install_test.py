"""What `cmake --install` and cpack put where: programs, manual pages, completions that shells find by themselves."""

import gzip
import re
import shutil
import subprocess

import pytest

from completion_test import SHELLS, press_until
from harness import BIN, LIMIT, SOURCE
from man_test import PAGES, TOOLS

pytestmark = pytest.mark.skipif(not (BIN / "cmake_install.cmake").exists(), reason="CHAT_BIN is no folder of a build")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=3 * LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", BIN, "--prefix", prefix)
    return prefix


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The unpacked package; its control file is in DEBIAN."""
    folder = tmp_path_factory.mktemp("package")
    # Make would build anew what is older than its sources; a Ninja is not asked to.
    options = ["-D", "CPACK_DEBIAN_COMPRESSION_TYPE=none", "-D", "CPACK_CMAKE_GENERATOR=Ninja"]
    run("cpack", "--config", BIN / "CPackConfig.cmake", "-B", folder, *options)
    (deb,) = folder.glob("redis-chat_*.deb")
    run("dpkg-deb", "--raw-extract", deb, folder / "all")
    return folder / "all"


SHARED = (
    {f"bin/{tool}" for tool in [*TOOLS, "chat-talk"]}
    | {f"share/bash-completion/completions/{tool}" for tool in [*TOOLS, "chat-talk"]}
    | {f"share/fish/vendor_completions.d/{tool}.fish" for tool in [*TOOLS, "chat-talk"]}
    | {f"share/redis-chat/{name}" for name in ("acl", "smoke", "lib.sh")}
    | {"share/doc/redis-chat/copyright"}
)


def test_what_is_installed(installed):
    pages = {f"share/man/man{page[-1]}/{page}" for page in PAGES}
    assert below(installed) == SHARED | pages | {"share/zsh/site-functions/_redis-chat", "share/doc/redis-chat/changelog"}


@pytest.mark.skipif(not shutil.which("dpkg-shlibdeps"), reason="no dpkg-dev here")
def test_what_is_in_the_package(package):
    pages = {f"share/man/man{page[-1]}/{page}.gz" for page in PAGES}
    changes = {f"share/doc/redis-chat/{name}.gz" for name in ("changelog", "changelog.Debian")}
    assert below(package / "usr") == SHARED | pages | changes | {"share/zsh/vendor-completions/_redis-chat"}
    page = package / "usr/share/man/man1/chat-pub.1.gz"
    assert gzip.decompress(page.read_bytes()) == (BIN / "man/chat-pub.1").read_bytes()
    assert page.read_bytes()[3:8] == bytes(5), "no name and no time in it, so that each build is the same"
    control = dict(line.split(": ", 1) for line in (package / "DEBIAN/control").read_text().splitlines() if ": " in line)
    assert control["Package"] == "redis-chat" and control["Section"] == "net" and control["Priority"] == "optional"
    assert "libhiredis" in control["Depends"]
    changelog = gzip.decompress((package / "usr/share/doc/redis-chat/changelog.Debian.gz").read_bytes()).decode()
    assert changelog.startswith(f"redis-chat ({control['Version']}) ") and f"\n -- {control['Maintainer']}  " in changelog


def test_texts_name_what_is_installed(installed):
    """Where the package is, there is no checkout: a text that sends people to a file must send them to one of its own."""
    programs = {tool: (installed / "bin" / tool).read_bytes() for tool in TOOLS}
    manuals = {page.stem.encode() for page in (installed / "share/man").rglob("*.[0-9]")}
    for tool, code in programs.items():
        texts = re.findall(rb"[ -~]{4,}", code)
        assert [text for text in texts if re.search(rb"scripts/|README|CONTRIBUTING", text)] == [], tool
        named = set(re.findall(rb"\bman (?:\d )?([a-z]+(?:-[a-z]+)+)", b"\n".join(texts)))
        assert b"redis-chat-server" in named and named <= manuals, tool
    pages = "".join((SOURCE / "tools" / f"{page}.md").read_text() for page in PAGES)
    for path in re.findall(r"/usr/(share/redis-chat/[\w.-]+)", pages):
        assert (installed / path).exists(), path


def test_installed_scripts_run(server, installed):
    scripts = installed / "share/redis-chat"
    line = run(scripts / "acl", "publisher", "ana", "topic1")
    assert line.startswith("user ana ")
    server.run(scripts / "smoke", env={"PATH": f"{installed}/bin:/usr/bin:/bin", "CHAT_BIN": ""})


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_finds_the_completion(server, installed, shell):
    server.run("chat-topics", "add", "party/friday")
    setup = {
        "bash": ". /usr/share/bash-completion/bash_completion; PS1='ready> '",
        "zsh": f"fpath=({installed}/share/zsh/site-functions $fpath); autoload -U compinit; compinit -u -D; PS1='ready> '",
        "fish": "function fish_prompt; echo -n 'ready> '; end",
    }[shell]
    # fish's --no-config would leave out what is installed.
    argv = [word for word in SHELLS[shell][0] if word != "--no-config"]
    env = {"TERM": "xterm", "XDG_DATA_DIRS": f"{installed}/share:/usr/share"}
    terminal = server.terminal(*argv, env=env, size=(100, 30))
    terminal.type(setup + '; echo set-""up\r')
    terminal.screen.until("set-up")
    terminal.screen.until("ready> ")
    terminal.type("chat-sub par")
    press_until(terminal, "ty/friday")
