"""What lowers a loss: optimisers, and a loop that survives interruptions."""

from rnnkit.train.checkpoints import CheckpointError
from rnnkit.train.linear import OutputError, fit_linear, output_error
from rnnkit.train.loop import History, Model, TrainingError, fit
from rnnkit.train.optimisers import SGD, Adam, Optimiser

__all__ = [
    "SGD",
    "Adam",
    "CheckpointError",
    "History",
    "Model",
    "Optimiser",
    "OutputError",
    "TrainingError",
    "fit",
    "fit_linear",
    "output_error",
]
