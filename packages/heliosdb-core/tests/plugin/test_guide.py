"""The plugin author's guide: quotes are what the files say, hooks are what the specifications say, code runs."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from heliosdb.plugin import hookspecs

ROOT = Path(__file__).resolve().parents[4]
PAGES = sorted((ROOT / "docs/plugins").glob("*.md"))
HOOKS = (*hookspecs.REGISTRATION, *hookspecs.LIFECYCLE, *hookspecs.FIRST_RESULT)

BLOCK = re.compile(r"(?:<!-- quote: (\S+) \[([^\]]+)\] -->\n)?^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str, str, str]]:
    """Return (quoted file, its section, language, text) of each block of code of a page."""
    return BLOCK.findall(page.read_text())


def section(path: str, name: str) -> str:
    """Return the part of a file between ``# [name]`` and ``# [end name]``; of a TOML file the table of that name."""
    text = (ROOT / path).read_text()
    if path.endswith(".toml"):
        return text[text.index(f"[{name}]") :].split("\n\n")[0].strip()
    start, end = text.index(f"# [{name}]\n"), text.index(f"# [end {name}]\n")
    body = text[start:end].partition("\n")[2]
    return textwrap.dedent(body.rsplit("\n", 1)[0] if body.endswith(" ") else body).strip("\n").rstrip()


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_quotes_are_what_the_files_say(page: Path) -> None:
    for path, name, _, text in blocks(page):
        if path:
            # Methods stand closer together in a class than functions do on a page.
            assert lines(text) == lines(section(path, name)), f"{path} [{name}]"


def test_the_guide_quotes_every_marked_part_of_the_plugin_module() -> None:
    source = "examples/heliosdb-plugin-example/src/heliosdb_plugin_example/plugin.py"
    marked = set(re.findall(r"^# \[(?!end )(.+)\]$", (ROOT / source).read_text(), re.MULTILINE))
    quoted = {name for page in PAGES for path, name, _, _ in blocks(page) if path == source}
    assert marked == quoted


@pytest.mark.parametrize("name", HOOKS)
def test_a_hooks_section_says_what_its_specification_says(name: str) -> None:
    page = (ROOT / "docs/plugins/hooks.md").read_text()
    found = re.search(rf"^### `{name}`\n\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL)
    assert found is not None
    body, _, example = (inspect.getdoc(getattr(hookspecs, name)) or "").partition("Example::")
    assert found[1].startswith(body.strip())
    shown = [text for path, _, _, text in BLOCK.findall(found[1]) if not path] if "<!-- quote" not in found[1] else []
    code = [text for path, _, _, text in BLOCK.findall(found[1])]
    assert code, "every hook has an example"
    if shown:
        assert shown[0].strip() == textwrap.dedent(example).strip()
    for text in code:
        ast.parse(text)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "hooks.md"], ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    code = [text for path, _, language, text in blocks(page) if language == "python" and not path]
    if page.name == "testing.md":
        (tmp_path / "test_page.py").write_text("\n\n".join(code))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "test_page.py")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stdout
        assert re.search(r"\b1\d passed", done.stdout), "the suite's tests and the page's own"
        return
    done = subprocess.run([sys.executable, "-c", "\n\n".join(code)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("", "")
