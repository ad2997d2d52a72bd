"""The master of notebook 05, for tests of the masters."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnnkit.grade.master import Master

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def master() -> Master:
    return Master.load(ROOT / "solutions/05-bptt.ipynb")
