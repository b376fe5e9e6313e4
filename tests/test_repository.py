"""Promises that the repository as a whole makes, whatever the code does."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/*/pyproject.toml"))
WITH_CODE = [package for package in PACKAGES if (package / "src").exists()] + EXAMPLES

LONGEST_MODULE = 600
LONGER_WITH_REASON = {
    "packages/heliosdb-core/src/heliosdb/errors.py": "a flat table: one class for each of PostgreSQL's codes",
}

# Names in lower case that `from heliosdb import` may take and that are no modules.
EXPORTED = {
    "heliosdb.connect",
    "heliosdb.connect_async",
    "heliosdb.__version__",
    "heliosdb.apilevel",
    "heliosdb.paramstyle",
}

# Where code of this or that person's machine lives; nothing in the repository may depend on it.
MACHINE_PATH = re.compile(rb"(?<![\w./}-])/(?:work|root|home|Users|opt|private)/[\w.]")


def project(package: Path) -> dict[str, object]:
    """Return the [project] table of a package."""
    table = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert isinstance(table, dict)
    return table


def version(package: Path) -> str:
    """Return a package's version, from its pyproject.toml or from its source where that says ``dynamic``."""
    table = project(package)
    if "version" in table:
        return str(table["version"])
    hatch = tomllib.loads((package / "pyproject.toml").read_text())["tool"]["hatch"]
    found = re.search(r'^__version__ = "(.+)"$', (package / hatch["version"]["path"]).read_text(), re.MULTILINE)
    assert found, f"{package.name} says that its version is in its source, which has none"
    return found[1]


def tracked() -> list[Path]:
    """Return the files that belong to the repository; those not yet added count, ignored ones do not."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("not a git clone")
    return [path for name in done.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.parametrize("package", PACKAGES + EXAMPLES, ids=lambda package: package.name)
def test_a_package_says_what_it_is(package: Path) -> None:
    table = project(package)
    assert table["name"] == package.name
    assert table["requires-python"] == ">=3.11"
    assert table["license"] == "Apache-2.0"
    assert re.fullmatch(r"\d+\.\d+\.\d+", version(package))
    assert (package / "LICENSE").read_text() == (ROOT / "LICENSE").read_text(), "a wheel carries its licence"
    readme = (package / "README.md").read_text()
    assert readme.startswith(f"# {package.name}\n")
    assert len(readme.split()) > 20


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_changelog_has_a_filled_section_for_the_current_version(package: Path) -> None:
    changelog = (package / "CHANGELOG.md").read_text()
    sections = dict(re.findall(r"^## (\d+\.\d+\.\d+)[^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL))
    assert re.search(r"^- \w", sections.get(version(package), ""), re.MULTILINE)


@pytest.mark.parametrize("package", WITH_CODE, ids=lambda package: package.name)
def test_a_package_with_code_is_typed_and_has_one_import_name(package: Path) -> None:
    (home,) = [path for path in (package / "src").iterdir() if (path / "__init__.py").exists()]
    assert (home / "py.typed").exists()
    assert home.name == {"heliosdb-core": "heliosdb"}.get(package.name, package.name.replace("-", "_"))


@pytest.mark.parametrize("package", [p for p in PACKAGES + EXAMPLES if p.name != "heliosdb-core"], ids=lambda p: p.name)
def test_packages_bound_the_core_they_work_with(package: Path) -> None:
    requirements = project(package)["dependencies"]
    assert isinstance(requirements, list)
    assert [text.replace(" ", "") for text in requirements if text.startswith("heliosdb-core")] == [
        "heliosdb-core>=0.1,<0.2"
    ]


def test_the_readme_lists_every_package() -> None:
    readme = (ROOT / "README.md").read_text()
    listed = set(re.findall(r"^\| \[[\w-]+\]\(packages/([\w-]+)\) \|", readme, re.MULTILINE))
    assert listed == {package.name for package in PACKAGES}


def test_modules_stay_short_enough_to_read() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines())
        for path in tracked()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] != "docs"
    }
    too_long = {name: length for name, length in lengths.items() if length > LONGEST_MODULE}
    assert {name: length for name, length in too_long.items() if name not in LONGER_WITH_REASON} == {}
    assert [name for name in LONGER_WITH_REASON if name not in too_long] == [], "no longer an exception"


def test_nothing_depends_on_the_machine_it_was_written_on() -> None:
    assert MACHINE_PATH.search(b"open('/" + b"home/me/data.sql')"), "the pattern must find what it is for"
    found = {
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if MACHINE_PATH.search(line)
    }
    assert found == set()


def test_nothing_generated_is_in_the_repository() -> None:
    generated = re.compile(r"(^|/)(__pycache__|dist|build|\.venv|\.mypy_cache)/|\.(pyc|whl|egg-info|so)$")
    assert [path for path in tracked() if generated.search(path.relative_to(ROOT).as_posix())] == []


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in (path for path in tracked() if path.suffix == ".md"):
        for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", page.read_text()):
            if not re.match(r"[a-z]+:|#", target) and not (page.parent / target.split("#")[0]).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_every_decision_is_listed_and_says_what_would_reopen_it() -> None:
    folder = ROOT / "docs/decisions"
    pages = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert re.findall(r"\]\((\d[\w-]+\.md)\) \|", (folder / "README.md").read_text()) == pages
    for page in pages:
        text = (folder / page).read_text()
        assert text.startswith(f"# {page[:4]}: ")
        assert "**Decided.**" in text
        assert "**Would reopen it.**" in text


@pytest.mark.parametrize("package", WITH_CODE, ids=lambda package: package.name)
def test_a_package_declares_what_it_imports(package: Path) -> None:
    table = project(package)
    extras = table.get("optional-dependencies", {})
    dependencies = table["dependencies"]
    assert isinstance(dependencies, list)
    assert isinstance(extras, dict)
    declared = {
        re.split(r"[\s<>=!~;\[]", text)[0].lower().replace("_", "-")
        for text in [*dependencies, *(text for extra in extras.values() for text in extra)]
    }
    # Editable installs do not say which distribution an import name comes from.
    own = {"heliosdb": ["heliosdb-core"], "heliosdb_testkit": ["heliosdb-testkit"]}
    homes = {**packages_distributions(), **own}
    undeclared = set()
    for module in (package / "src").rglob("*.py"):
        for name in imported_by(module) - sys.stdlib_module_names - {path.name for path in (package / "src").iterdir()}:
            distributions = {distribution.lower().replace("_", "-") for distribution in homes.get(name, [name])}
            if not distributions & declared:
                undeclared.add(f"{module.relative_to(package)}: {name}")
    assert undeclared == set()


@pytest.mark.parametrize("package", [p for p in WITH_CODE if p.name != "heliosdb-core"], ids=lambda p: p.name)
def test_packages_beside_the_core_use_only_its_public_modules(package: Path) -> None:
    public = {"heliosdb", "heliosdb.errors", "heliosdb.plugin", "heliosdb.spi"}
    private = set()
    for path in (package / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module == "heliosdb":
                modules = [f"heliosdb.{alias.name}" for alias in node.names if alias.name.islower()]
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module]
            else:
                continue
            inner = {name for name in modules if name.partition(".")[0] == "heliosdb"} - public
            private |= {f"{path.relative_to(package)}:{node.lineno}: {name}" for name in inner if name not in EXPORTED}
    assert private == set()


def imported_by(module: Path) -> set[str]:
    """Return the top-level names that a module imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_a_decision_explains_every_dependency_of_the_core() -> None:
    page = (ROOT / "docs/decisions/0002-dependencies.md").read_text()
    table = project(ROOT / "packages/heliosdb-core")
    extras = table["optional-dependencies"]
    dependencies = table["dependencies"]
    assert isinstance(dependencies, list)
    assert isinstance(extras, dict)
    explained = {
        name.strip() for row in re.findall(r"^\| ([\w, -]+) \|", page, re.MULTILINE) for name in row.split(",")
    }
    needed = [*dependencies, *(text for extra in extras.values() for text in extra)]
    assert {re.split(r"[<>=]", text)[0] for text in needed} - explained == set()


def test_the_lock_file_knows_every_package() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    assert set(lock["manifest"]["members"]) == {package.name for package in PACKAGES + EXAMPLES} | {
        "heliosdb-workspace"
    }


def test_make_has_the_targets_that_the_pages_name() -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        target
        for page in tracked()
        if page.suffix == ".md"
        for target in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE)
    }
    assert {"setup", "demo", "test", "lint", "bench"} <= targets
    assert named <= targets
