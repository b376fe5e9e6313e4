from __future__ import annotations

import zipfile
from importlib.metadata import entry_points
from pathlib import Path

from heliosdb.plugin.discovery import EntryPoint, installed_plugins


def install(site: Path, package: str, version: str, entries: str, *, requires: str = "") -> None:
    """Write what an installer leaves of a distribution."""
    folder = site / f"{package.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    requirement = f"Requires-Dist: {requires}\n" if requires else ""
    description = "\nName: not-this\nRequires-Dist: heliosdb-core>=99\n"
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.3\nName: {package}\nVersion: {version}\n{requirement}{description}"
    )
    (folder / "entry_points.txt").write_text(entries)


def test_entry_points_of_the_group_are_found_with_their_distribution_sorted_by_name(tmp_path: Path) -> None:
    install(tmp_path, "zebra-db", "2.0", "[console_scripts]\nz = z:main\n\n[heliosdb]\nzebra = zebra.plugin\n")
    install(
        tmp_path, "ant", "1.5", "[heliosdb]\n# a comment\nant=ant:plugin [extra]\nbee = ant.bee:B\n[other]\nx = y\n"
    )
    install(tmp_path, "unrelated", "1.0", "[console_scripts]\nu = u:main\n", requires="heliosdb-core<0.1")
    assert installed_plugins([str(tmp_path)]) == [
        EntryPoint("ant", "ant:plugin", "ant", "1.5"),
        EntryPoint("bee", "ant.bee:B", "ant", "1.5"),
        EntryPoint("zebra", "zebra.plugin", "zebra-db", "2.0"),
    ]


def test_the_description_below_the_header_is_not_metadata(tmp_path: Path) -> None:
    install(tmp_path, "ant", "1.5", "[heliosdb]\nant = ant\n", requires="heliosdb-core>=0.1,<0.2")
    (found,) = installed_plugins([str(tmp_path)])
    assert (found.package, found.requirements) == ("ant", ("heliosdb-core>=0.1,<0.2",))


def test_of_two_copies_of_a_distribution_the_first_on_the_path_counts(tmp_path: Path) -> None:
    install(tmp_path / "first", "ant", "2.0", "[heliosdb]\nant = new\n")
    install(tmp_path / "second", "ant", "1.0", "[heliosdb]\nant = old\n")
    (found,) = installed_plugins([str(tmp_path / "first"), str(tmp_path / "second")])
    assert (found.version, found.value) == ("2.0", "new")


def test_two_distributions_with_one_name_are_both_reported(tmp_path: Path) -> None:
    install(tmp_path, "ant", "2.0", "[heliosdb]\nvector = ant\n")
    install(tmp_path, "bee", "1.0", "[heliosdb]\nvector = bee\n")
    assert [found.package for found in installed_plugins([str(tmp_path)])] == ["ant", "bee"]


def test_a_zip_archive_on_the_path_is_read_too(tmp_path: Path) -> None:
    archive = tmp_path / "bundle.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("ant-1.0.dist-info/METADATA", "Metadata-Version: 2.3\nName: ant\nVersion: 1.0\n")
        file.writestr("ant-1.0.dist-info/entry_points.txt", "[heliosdb]\nant = ant.plugin\n")
    (found,) = installed_plugins([str(archive)])
    assert (found.name, found.value, found.package, found.version) == ("ant", "ant.plugin", "ant", "1.0")


def test_missing_folders_and_broken_distributions_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "broken-1.0.dist-info").mkdir()
    (tmp_path / "old.egg-info").write_text("Name: old\n")
    assert installed_plugins([str(tmp_path), str(tmp_path / "nowhere")]) == []


def test_what_is_found_is_what_the_standard_library_finds() -> None:
    for group in ("heliosdb", "console_scripts", "pytest11"):
        expected = {(entry.name, entry.value.partition("[")[0].strip()) for entry in entry_points(group=group)}
        assert {(entry.name, entry.value) for entry in installed_plugins(group=group)} == expected
