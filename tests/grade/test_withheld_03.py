"""The roads in rnnkit and torch that lead to the answers of notebook 03 are closed while it is graded."""

import subprocess
import sys
from pathlib import Path

import pytest

from rnnkit.check.exercise import TORCH_LAYERS
from rnnkit.grade.library import make_library
from rnnkit.grade.master import Master

ROOT = Path(__file__).parents[2]
SETTING = """
import numpy as np
from rnnkit.cells import *
rng = np.random.default_rng(0)
x, h, o = rng.normal(size=(6, 2, 3)), rng.normal(size=(2, 5)), rng.normal(size=(2, 4))
cell = VanillaRNN.create(3, 5, rng)
class Mine:
    input_size, hidden_size, state_size, has_clock, W_x = 3, 5, 5, False, cell.W_x
    def parameters(self): return {"W_x": self.W_x}
    def step(self, x, h): return np.tanh(x @ cell.W_x + h @ cell.W_h + cell.b)
"""

ROADS = {
    "a cell's step": "cell.step(x[0], h)",
    "the same with a leak of nothing": "Leaky.create(3, 5, rng).step(x[0], h)",
    "the same with its gate open": "UGRNN.create(3, 5, rng).step(x[0], h)",
    "what a GRU adds": "GRU.create(3, 5, rng).gate_values(x[0], h)",
    "what an LSTM adds": "LSTM.create(3, 5, rng).gate_values(x[0], np.hstack([h, h]))",
    "one layer between states": "DeepTransition.create(3, 5, rng).step(x[0], h)",
    "a lecture's own line": "import rnnkit.notations as n; n.ttic(x[0], h, cell.W_x.T, cell.W_h.T, -cell.b)",
    "a tree of two children": "import rnnkit.trees as t; t.MatrixComposition.create(5, rng).compose(np.hstack([h, h]))",
    "the fast step": "from rnnkit.kernels.stepper import stepper; stepper(cell)(x[0], h)",
    "the fast loop": "from rnnkit.kernels.trace import Trace; Trace(cell, x, h, None, True, 1)",
    "a loop over one's own step": "from rnnkit.unroll import unroll; unroll(Mine(), x, h)",
    "a loop over copies of it": "from rnnkit.unroll import unroll_copies; unroll_copies([Mine()] * 6, x, h)",
    "a loop that forces nothing": "from rnnkit.probe import forced_unroll; forced_unroll(Mine(), x, {}, h)",
    "recurrence from the output": "OutputRecurrent.create(3, 4, rng).step(x[0], o)",
    "what the check runs itself": "from rnnkit.check.ex03_blind_spot import later_outputs; later_outputs({}, x, x, from_output=True)",  # noqa: E501
    "a loss": "from rnnkit.losses import softmax_cross_entropy as s; s(x, np.zeros((6, 2), int))",
    "a masked mean": "from rnnkit.losses import _reduced; _reduced(x, x, None, 'mean')",
    "log p of true symbols": "from rnnkit.language.model import target_log_probs as t; t(x, np.zeros((6, 2), int))",
    "the weights in all letters": "from rnnkit.notations import weights; weights(cell)",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What a process says, road by road, that sees the library as a learner's kernel does."""
    checks = Master.load(ROOT / "solutions/03-vanilla-rnn.ipynb").checks
    names = {name for check in checks for name in check.exercise.withheld if name.startswith("rnnkit.")}
    library = make_library(tmp_path_factory.mktemp("library"), names)
    roads = "".join(
        f"try:\n    {road}\n    print('open')\nexcept RuntimeError as error:\n    print(error)\n"
        for road in ROADS.values()
    )
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(library)!r})\n{SETTING}{roads}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(zip(ROADS, done.stdout.splitlines(), strict=True))


@pytest.mark.parametrize("road", ROADS)
def test_a_road_to_the_answer_is_closed(said, road):
    assert said[road].endswith("is what this exercise asks you to write; it is withheld while grading")


def test_the_functions_below_torchs_layers_are_withheld_too():
    assert {"torch._VF.rnn_tanh_cell", "torch.ops.aten.rnn_tanh", "torch.rnn_tanh_cell"} <= set(TORCH_LAYERS)
