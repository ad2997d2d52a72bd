"""Shared by all tests: small networks with pairwise different sizes, so that a transposed shape shows; a browser."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

import numpy as np
import pytest

from rnnkit.cells import Readout, VanillaRNN
from rnnkit.losses import softmax_cross_entropy
from rnnkit.unroll import bptt, unroll

T, B, I, H, V = 7, 3, 5, 4, 6  # noqa: E741

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMIUM_FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
NO_CHROMIUM = "NO CHROMIUM FOUND: the pages were not tested in a browser. Install it: apt-get install chromium"


@dataclass
class Network:
    """A cell, a readout, one batch, and the loss over it."""

    cell: VanillaRNN
    readout: Readout
    x: np.ndarray
    y: np.ndarray
    h0: np.ndarray
    mask: np.ndarray | None = None

    def loss(self):
        h = unroll(self.cell, self.x, self.h0, self.mask)
        return softmax_cross_entropy(self.readout.forward(h[1:]), self.y, self.mask).loss

    def states(self):
        return unroll(self.cell, self.x, self.h0, self.mask)

    def immediate(self, h):
        """The first term of the backward recursion: what each step's loss sends into its state."""
        do = softmax_cross_entropy(self.readout.forward(h[1:]), self.y, self.mask).dlogits
        return self.readout.backward(do, h[1:])

    def arrays(self):
        return {**self.cell.parameters(), **self.readout.parameters(), "x": self.x, "h0": self.h0}

    def gradients(self):
        h = self.states()
        dh, of_readout = self.immediate(h)
        g = bptt(self.cell, self.x, h, dh, self.mask)
        return {**g.parameters, **of_readout, "x": g.x, "h0": g.h0}


def make_network(seed=0, *, steps=T, batch=B, inputs=I, hidden=H, classes=V, gain=1.2, dtype=np.float64) -> Network:
    rng = np.random.default_rng(seed)
    cell = VanillaRNN.create(inputs, hidden, rng, gain=gain, dtype=dtype)
    cell.b[:] = rng.normal(size=hidden)
    return Network(
        cell,
        Readout.create(hidden, classes, rng, dtype=dtype),
        rng.normal(size=(steps, batch, inputs)).astype(dtype),
        rng.integers(0, classes, (steps, batch)),
        rng.normal(size=(batch, hidden)).astype(dtype),
    )


def pytest_collection_modifyitems(config, items):
    """Tests marked ``gpu`` run where torch finds a CUDA device; elsewhere they are left out, and counted as such."""
    gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not gpu:
        return
    import torch

    if not torch.cuda.is_available():
        config.hook.pytest_deselected(items=gpu)
        items[:] = [item for item in items if item not in gpu]


def pytest_runtest_setup(item):
    if item.get_closest_marker("browser") and CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail(NO_CHROMIUM, pytrace=False)
        pytest.skip(NO_CHROMIUM)


def pytest_terminal_summary(terminalreporter):
    if any(NO_CHROMIUM in str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])):
        terminalreporter.section("browser", sep="!", red=True)
        terminalreporter.line(NO_CHROMIUM, red=True)


@pytest.fixture(scope="session")
def how_to_launch():
    """Return the arguments that start the system's Chromium."""
    return {"executable_path": CHROMIUM, "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def browser(how_to_launch):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(**how_to_launch)
        yield chromium
        chromium.close()


@pytest.fixture
def network() -> Network:
    return make_network()


@pytest.fixture
def padded(network) -> Network:
    """Sequences of lengths 7, 4 and 1 in one batch."""
    network.mask = np.arange(T)[:, None] < np.array([7, 4, 1])
    return network


__all__ = ["Network", "make_network"]
