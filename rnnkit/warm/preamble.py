"""What is set up in a learner's kernel before its first cell, and how a check cell emits its values.

It hides nothing and decides nothing: whatever a learner changes here, a check cell can only emit values, and only right
values earn points.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

__all__ = ["emit", "enter", "withhold"]

_BELOW = {
    "torch.nn.RNN": ("torch.rnn_tanh", "torch.rnn_relu", "torch._VF.rnn_tanh", "torch._VF.rnn_relu"),
    "torch.nn.LSTM": ("torch.lstm", "torch._VF.lstm"),
    "torch.nn.GRU": ("torch.gru", "torch._VF.gru"),
    "torch.nn.RNNCell": ("torch.rnn_tanh_cell", "torch.rnn_relu_cell"),
    "torch.nn.LSTMCell": ("torch.lstm_cell", "torch._VF.lstm_cell"),
    "torch.nn.GRUCell": ("torch.gru_cell", "torch._VF.gru_cell"),
}
"""The functions that a layer calls: they would do instead of it."""


def enter(withheld: Iterable[str]) -> None:
    """Let ``exit()`` do nothing, and refuse the named parts of other packages, now or when they are imported."""
    stay()
    by_package: dict[str, list[str]] = {}
    for name in withheld:
        by_package.setdefault(name.partition(".")[0], []).append(name)
    for package, names in by_package.items():
        if package in sys.modules:
            withhold(names)
        else:
            sys.meta_path.insert(0, _AfterImport(package, names))


def stay() -> None:
    """Make ``exit()`` and ``quit()`` do nothing: they would end the kernel after the cell, at no sure moment."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None:
        shell.ask_exit = lambda: None
        shell.kernel.do_shutdown = lambda restart: {"status": "ok", "restart": restart}


class _AfterImport(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one package as the others do, and withholds parts of it as soon as it is loaded."""

    def __init__(self, package: str, names: Sequence[str]) -> None:
        self.package, self.names = package, names

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> Any:
        if fullname != self.package:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: Any) -> Any:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        withhold(self.names)


def withhold(names: Iterable[str]) -> None:
    """Let the functions, methods and classes of these dotted names refuse to work; unknown ones are passed over."""
    for name in names:
        for dotted in (name, *_BELOW.get(name, ())):
            _withhold(dotted, name)


def _withhold(dotted: str, name: str) -> None:
    package, *parts, last = dotted.split(".")
    owner: Any = sys.modules.get(package)
    try:
        for part in parts:
            owner = getattr(owner, part)
        found = getattr(owner, last)
    except Exception:  # another version of the package, or a way that leads through what is withheld already
        return

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError(f"{name} does what this exercise asks you to write; it is withheld while grading")

    if isinstance(found, type):
        with contextlib.suppress(TypeError):  # a class made in C
            found.__init__ = refuse  # type: ignore[misc]  # stays a class: others derive from it
            return
    with contextlib.suppress(AttributeError, TypeError):
        setattr(owner, last, refuse)


def emit(exercise_id: str, answer: Any, seed: int, given: Mapping[str, Any] | None = None, asks: bool = False) -> None:
    """Emit the answer's values at `seed`; `given` arrives encoded, as the plain literals of a cell.

    Where the exercise has an oracle (`asks`), questions to it go out as those of ``input()`` do.
    """
    from IPython.core.getipython import get_ipython

    from rnnkit.check import emit as emit_values
    from rnnkit.check.values import decode

    ask = get_ipython().kernel.raw_input if asks else None
    emit_values(exercise_id, answer, seed, decode(given) if given else None, ask)
