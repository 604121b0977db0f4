import json
import sys
from pathlib import Path

import pytest

from lab_logger.packages import installed_packages


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), str(tmp_path / "missing"), __file__])
    return folder


def install(site: Path, name: str, version: str, *, origin: object = None) -> Path:
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: s\n\nName: not-this\nVersion: 0\n"
    )
    if origin is not None:
        (folder / "direct_url.json").write_text(json.dumps(origin))
    return folder


def test_packages_are_listed_by_name_whatever_its_case(site: Path) -> None:
    for name, version in [("zlib-ng", "1.0"), ("Beta", "2.0rc1"), ("alpha.one", "0.1+local")]:
        install(site, name, version)

    assert installed_packages() == "alpha.one==0.1+local\nBeta==2.0rc1\nzlib-ng==1.0"


def test_nothing_installed_is_an_empty_text(site: Path) -> None:
    assert site.exists()
    assert installed_packages() == ""


def test_the_package_that_would_be_imported_counts(site: Path, tmp_path: Path) -> None:
    install(site, "my-package", "1.0")
    install(tmp_path / "later", "My.Package", "2.0")
    sys.path.append(str(tmp_path / "later"))

    assert installed_packages() == "my-package==1.0"


def test_the_installers_are_left_out_as_pip_does(site: Path) -> None:
    install(site, "pip", "24.0")
    install(site, "numpy", "2.0")

    assert installed_packages() == "numpy==2.0"


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        (
            {"url": "file:///wheels/a-1.0.whl", "archive_info": {"hash": "sha256=ab", "hashes": {"sha256": "ab"}}},
            "a @ file:///wheels/a-1.0.whl#sha256=ab",
        ),
        (
            {"url": "https://h/a.zip", "archive_info": {"hashes": {"sha256": "ab"}}, "subdirectory": "lib"},
            "a @ https://h/a.zip#sha256=ab&subdirectory=lib",
        ),
        ({"url": "https://h/a.zip", "archive_info": {}}, "a @ https://h/a.zip"),
        ({"url": "file:///src/a", "dir_info": {}}, "a @ file:///src/a"),
        (
            {
                "url": "https://user:s3cret@h/a.git",
                "vcs_info": {"vcs": "git", "commit_id": "0ff"},
                "subdirectory": "lib",
            },
            "a @ git+https://h/a.git@0ff#subdirectory=lib",
        ),
        (
            {"url": "https://t0ken@h/a.git", "vcs_info": {"vcs": "git", "commit_id": "0ff"}},
            "a @ git+https://h/a.git@0ff",
        ),
        (
            {"url": "ssh://git@h/a.git", "vcs_info": {"vcs": "git", "commit_id": "0ff"}},
            "a @ git+ssh://git@h/a.git@0ff",
        ),
        (
            {"url": "https://${USER}:${TOKEN}@h/a.zip", "archive_info": {}},
            "a @ https://${USER}:${TOKEN}@h/a.zip",
        ),
        (
            {"url": "file:///src/my%20a", "dir_info": {"editable": True}},
            "# Editable install (a==1.0)\n-e /src/my a",
        ),
        ({"no": "url"}, "a==1.0"),
        ([], "a==1.0"),
    ],
)
def test_what_did_not_come_from_an_index_says_where_from(site: Path, origin: object, line: str) -> None:
    install(site, "a", "1.0", origin=origin)

    assert installed_packages() == line


def test_broken_metadata_is_passed_over(site: Path) -> None:
    (site / "empty-1.0.dist-info").mkdir()
    (install(site, "nameless", "1.0") / "METADATA").write_text("Metadata-Version: 2.1\n\nName: in-the-text\n")
    (install(site, "binary", "1.0") / "METADATA").write_bytes(b"\xff\x00" * 1000)
    (install(site, "good", "1.0") / "direct_url.json").write_text("{")

    assert installed_packages() == "good==1.0"


def test_older_metadata_counts_too(site: Path) -> None:
    (site / "folder.egg-info").mkdir()
    (site / "folder.egg-info" / "PKG-INFO").write_text("Name: folder\nVersion: 1\n")
    (site / "file.egg-info").write_text("Name: file\nVersion: 2\n")

    assert installed_packages() == "file==2\nfolder==1"


def test_a_package_installed_meanwhile_is_seen(site: Path, tmp_path: Path) -> None:
    install(site, "first", "1")
    assert installed_packages() == "first==1"

    install(tmp_path / "more", "second", "2")
    sys.path.append(str(tmp_path / "more"))
    assert installed_packages() == "first==1\nsecond==2"


def test_this_environment_is_listed() -> None:
    lines = installed_packages().splitlines()

    assert any(line.startswith("pytest==") for line in lines)
    assert any(line.startswith("numpy==") for line in lines)
