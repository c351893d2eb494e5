"""Every page says only what is true: its Python blocks and its commands run, from top to bottom, outside the checkout.

* The Python blocks of a page share one namespace, like cells; lines with ``>>>`` must also print what they say.
* Commands (``sh``, ``bash``, ``console``) run with the examples of the checkout in reach. In a ``console`` block the
  lines with ``$`` are run, and the others, if any, are the output to be found (``...`` stands for anything).
* Installation (``pip``, ``git``) is not repeated here; of ``nox`` the names of the sessions are checked.
* ``<!-- not run: reason -->`` on the line before a block excuses it.
"""

import ast
import doctest
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "packages/*/*.md", "tests/plugins/*/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
FENCE = re.compile(r"^(?P<mark>```+)(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=mark)\s*$", re.MULTILINE | re.DOTALL)
EXCUSED = re.compile(r"<!-- not run: \S.* -->\s*\Z")
COMMANDS = {"sh", "bash", "console", "shell"}
LINKS = re.compile(r"\]\((?!\w+:)(?P<path>[^)#\s]+)(?:#[^)]*)?\)")


class Block(NamedTuple):
    language: str
    text: str
    line: int


def blocks(text):
    for found in FENCE.finditer(text):
        if not EXCUSED.search(text[: found.start()]):
            yield Block(found["language"], found["text"], text[: found.start("text")].count("\n") + 1)


def steps(block):
    """Split a block of commands into (command, output or None)."""
    text = block.text.replace("\\\n", " ")
    if "$ " not in text:
        return [(line, None) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [(command, output or None) for command, _, output in (part.partition("\n") for part in parts)]


def sessions():
    tree = ast.parse((ROOT / "noxfile.py").read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list}


def run_command(command, expected, folder):
    for part in command.partition(" #")[0].split("&&"):
        words = shlex.split(part)
        if words[0] == "nox":
            named = [word.partition("(")[0] for word in words[1:] if not word.startswith("-")]
            assert {*named} <= sessions(), f"{part!r} names no session of noxfile.py"
        elif words[0] not in {"pip", "git", "cd"}:
            done = subprocess.run(
                part, shell=True, cwd=folder, capture_output=True, text=True, timeout=300, env=os.environ, check=False
            )
            assert done.returncode == 0, f"{part}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
            if expected is not None:
                same = doctest.OutputChecker().check_output(
                    expected, done.stdout, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
                )
                assert same, f"{part}: expected\n{expected}\ngot\n{done.stdout}"


def run_python(block, namespace, name):
    if ">>>" in block.text:
        test = doctest.DocTestParser().get_doctest(block.text, namespace, name, name, block.line)
        test.globs = namespace
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        problems = []
        runner.run(test, out=problems.append, clear_globs=False)
        assert not runner.failures, "".join(problems)
    else:
        exec(compile("\n" * block.line + block.text, name, "exec"), namespace)


def run_page(text, name, folder):
    """Run what a page shows; return how many blocks that was."""
    namespace, count = {"__name__": "__main__"}, 0
    for block in blocks(text):
        if block.language in COMMANDS:
            for command, expected in steps(block):
                run_command(command, expected, folder)
            count += 1
        elif block.language in {"python", "pycon"}:
            run_python(block, namespace, name)
            count += 1
    return count


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("examples", "benchmarks"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page_runs(page, folder):
    run_page(page.read_text(), str(page), folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_of_the_page_lead_somewhere(page):
    missing = [link["path"] for link in LINKS.finditer(page.read_text()) if not (page.parent / link["path"]).exists()]
    assert not missing


@pytest.mark.parametrize(
    "text",
    [
        "```python\nx = 1 / 0\n```\n",
        "```python\n>>> 1 + 1\n3\n```\n",
        "```sh\ngdl no-such-command\n```\n",
        "```console\n$ echo one\ntwo\n```\n",
        "```sh\npip install nox && nox -s no_such_session\n```\n",
    ],
)
def test_a_page_that_is_wrong_is_caught(text, folder):
    with pytest.raises((AssertionError, ZeroDivisionError)):
        run_page(text, "page", folder)


def test_a_page_runs_from_top_to_bottom_and_an_excuse_needs_a_reason(folder):
    text = (
        "```python\nx = 2\n```\n<!-- not run: it would fail -->\n```python\nx = 1 / 0\n```\n"
        "```pycon\n>>> x + 1\n3\n```\n```console\n$ echo one two\none ...\n```\n```text\nnothing\n```\n"
    )
    assert run_page(text, "page", folder) == 3
    with pytest.raises(ZeroDivisionError):
        run_page("<!-- not run: -->\n```python\n1 / 0\n```\n", "page", folder)
