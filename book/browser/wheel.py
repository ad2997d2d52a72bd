"""``rnnkit`` as a wheel, written here so that the same sources give the same bytes, without a build backend."""

from __future__ import annotations

import base64
import hashlib
import io
import tomllib
import zipfile
from pathlib import Path

WRITTEN = (1980, 1, 1, 0, 0, 0)
"""The date of every file in the archive: the earliest that the format knows."""

UNWANTED = {"__pycache__", ".ipynb_checkpoints"}


def build_wheel(root: Path) -> tuple[str, bytes]:
    """Return the name and the bytes of the wheel of the project in ``root``."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf8"))["project"]
    name, version = project["name"], project["version"]
    info = f"{name}-{version}.dist-info"
    files = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in (root / name).rglob("*")
        if path.is_file() and not UNWANTED.intersection(path.parts)
    }
    files |= {f"{info}/licenses/{licence}": (root / licence).read_bytes() for licence in project["license-files"]}
    files[f"{info}/METADATA"] = metadata_of(project).encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: rnnkit\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    rows = [f"{path},sha256={urlsafe(data)},{len(data)}" for path, data in sorted(files.items())]
    record = f"{info}/RECORD"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in [*sorted(files.items()), (record, "\n".join([*rows, f"{record},,", ""]).encode())]:
            entry = zipfile.ZipInfo(path, WRITTEN)
            entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return f"{name}-{version}-py3-none-any.whl", content.getvalue()


def metadata_of(project: dict) -> str:
    """Return the wheel's METADATA; extras are left out, for none of them runs in a browser."""
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"License-Expression: {project['license']}",
        *(f"License-File: {licence}" for licence in project["license-files"]),
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {requirement}" for requirement in project["dependencies"]),
    ]
    return "\n".join(lines) + "\n"


def urlsafe(data: bytes) -> str:
    """Return the hash of ``data`` as a wheel's RECORD wants it."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
