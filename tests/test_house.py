"""The rules of the house: who imports whom, what an import costs, style and types."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "module",
    ["rnnkit", "rnnkit.cells", "rnnkit.unroll", "rnnkit.gradients", "rnnkit.forcing", "rnnkit.check", "rnnkit.view",
     "rnnkit.data"],
)  # fmt: skip
def test_importing_brings_neither_torch_nor_matplotlib(module):
    code = f"import {module}, sys; print(sorted({{'torch', 'matplotlib', 'IPython'}} & set(sys.modules)))"
    result = run(sys.executable, "-c", code)
    assert result.stdout.strip() == "[]", result.stderr


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("lint-imports",)],
    ids=" ".join,
)
def test_the_code_keeps_to(command):
    result = run(str(Path(sys.executable).parent / command[0]), *command[1:])
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_module_of_the_library_is_too_long_to_read():
    lengths = {str(p.relative_to(ROOT)): len(p.read_text("utf8").splitlines()) for p in (ROOT / "rnnkit").rglob("*.py")}
    assert {name: n for name, n in lengths.items() if n > 400} == {}
