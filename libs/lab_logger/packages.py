"""The installed packages, as `pip freeze` lists them, without starting pip.

Owns the reading of installed metadata on `sys.path`. Only the first header lines of each package are read, because
parsing all of them, descriptions included, takes a large part of a second. It imports none of the packages.
"""

import json
import os
import re
import sys
from typing import Any

_FREEZE_SKIPS = frozenset({"pip", "setuptools", "distribute", "wheel"} if sys.version_info < (3, 12) else {"pip"})
_METADATA_SUFFIXES = (".dist-info", ".egg-info")
_SEPARATORS = re.compile(r"[-_.]+")
_USERINFO = re.compile(r"(?<=://)(?!git@|\$\{[\w-]+\}(?::\$\{[\w-]+\})?@)[^/\s]*@")

_Stamp = tuple[tuple[str, int], ...]
_cached: tuple[_Stamp, str] | None = None


def installed_packages() -> str:
    """Gives the installed packages, one requirement a line, sorted by name.

    As in `pip freeze`: `name==version`, `name @ address` for what was not installed from an index, `-e folder` after a
    comment for an editable install; the installers themselves are left out, and so are credentials in addresses. Where
    a package is there twice, the one that would be imported counts. Metadata that cannot be read is passed over.

    Remembered until `sys.path`, or the time of change of a folder on it, is another.
    """
    global _cached  # noqa: PLW0603 - one answer per process, replaced in one assignment
    stamp = tuple((entry, _changed_at_ns(entry)) for entry in sys.path)
    cached = _cached
    if cached is None or cached[0] != stamp:
        cached = _cached = (stamp, _freeze())
    return cached[1]


def _changed_at_ns(entry: str) -> int:
    try:
        return os.stat(entry or ".").st_mtime_ns
    except (OSError, ValueError):
        return 0


def _freeze() -> str:
    lines: dict[str, tuple[str, str]] = {}
    for entry in dict.fromkeys(sys.path):
        for folder in _metadata_folders(entry or "."):
            found = _name_and_version(folder)
            key = _SEPARATORS.sub("-", found[0]).lower() if found is not None else None
            if found is not None and key is not None and key not in lines and key not in _FREEZE_SKIPS:
                lines[key] = (found[0].lower(), _requirement(folder, *found))
    return "\n".join(line for _, line in sorted(lines.values()))


def _metadata_folders(entry: str) -> list[str]:
    try:
        return sorted(os.path.join(entry, name) for name in os.listdir(entry) if name.endswith(_METADATA_SUFFIXES))
    except (OSError, ValueError):  # a zip file, or nothing
        return []


def _name_and_version(folder: str) -> tuple[str, str] | None:
    if folder.endswith(".dist-info"):
        file = os.path.join(folder, "METADATA")
    else:
        file = os.path.join(folder, "PKG-INFO") if os.path.isdir(folder) else folder
    headers: dict[bytes, str] = {}
    try:
        with open(file, "rb") as metadata:
            for line in metadata:
                name, _, value = line.partition(b":")
                headers[name.lower()] = value.strip().decode("utf-8", "replace")
                if not line.strip() or (b"name" in headers and b"version" in headers):
                    break
    except OSError:
        return None
    found = headers.get(b"name"), headers.get(b"version")
    return (found[0], found[1]) if found[0] and found[1] else None


def _requirement(folder: str, name: str, version: str) -> str:
    try:
        with open(os.path.join(folder, "direct_url.json"), "rb") as file:
            return _direct_requirement(json.loads(file.read()), name, version)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # nearly always: there is no such file
        return f"{name}=={version}"


def _direct_requirement(origin: Any, name: str, version: str) -> str:
    """Gives the requirement of a package with a recorded origin (PEP 610), in the form pip gives it (PEP 440)."""
    url = _USERINFO.sub("", origin["url"])
    if origin.get("dir_info", {}).get("editable"):
        return f"# Editable install ({name}=={version})\n-e {_local_path(url)}"
    fragments = [f"subdirectory={origin['subdirectory']}"] if "subdirectory" in origin else []
    if "vcs_info" in origin:
        url = f"{origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}"
    elif "archive_info" in origin:
        hashes = origin["archive_info"].get("hashes") or {}
        digest = origin["archive_info"].get("hash") or next((f"{kind}={value}" for kind, value in hashes.items()), None)
        fragments = [digest, *fragments] if digest else fragments
    return f"{name} @ {url}" + ("#" + "&".join(fragments) if fragments else "")


def _local_path(url: str) -> str:
    if not url.startswith("file:"):
        return url
    from urllib.parse import unquote, urlsplit  # not urllib.request, which alone takes 20 ms to load

    path = unquote(urlsplit(url).path)
    return path.lstrip("/").replace("/", "\\") if os.name == "nt" else path
