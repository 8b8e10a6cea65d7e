"""Each floor of lib sees the headers of those below it, and no others."""
import json
import shlex
import subprocess

import pytest

from harness import BIN, SOURCE

BELOW = {
    "base": set(),
    "redis": {"base"},
    "terminal": {"base"},
    "chat": {"base", "redis"},
    "process": {"base", "redis", "terminal", "chat"},
    "cli": {"base", "redis", "terminal", "chat", "process"},
}


def compile_command(floor):
    """How a file of this floor is compiled, up to its own name."""
    for entry in json.loads((BIN / "compile_commands.json").read_text()):
        if f"chat_{floor}.dir/" in entry["command"]:
            words = shlex.split(entry["command"])
            return words[:words.index("-o")], entry["directory"]
    raise AssertionError(f"no file of {floor} is compiled")


@pytest.mark.parametrize("floor", BELOW)
def test_a_floor_includes_only_what_is_below_it(floor):
    assert {path.name for path in (SOURCE / "lib").iterdir() if path.is_dir()} == set(BELOW)
    command, folder = compile_command(floor)
    for other in set(BELOW) - {floor}:
        header = next((SOURCE / "lib" / other).glob("*.h")).name
        source = f'#if !__has_include("{other}/{header}")\n#error not seen\n#endif\n'
        done = subprocess.run([*command, "-fsyntax-only", "-x", "c++", "-"], input=source, text=True, cwd=folder,
                              capture_output=True, check=False)
        assert (done.returncode == 0) == (other in BELOW[floor]), f"{floor} includes {other}: {done.stderr}"


def test_includes_name_their_floor():
    for path in [*SOURCE.glob("lib/*/*.h"), *SOURCE.glob("lib/*/*.cpp"), *SOURCE.glob("tools/*.cpp")]:
        for line in path.read_text().splitlines():
            if line.startswith('#include "'):
                assert line.split('"')[1].split("/")[0] in BELOW, f"{path}: {line}"
