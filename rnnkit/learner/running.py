"""Run a notebook afresh, in a kernel of its own; the file stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnnkit.learner.files import LearnerError, Notebook, read

__all__ = ["run_afresh"]


def run_afresh(path: Path, kernel: str, seconds: float, tick: Callable[[], object]) -> Notebook:
    """Return the notebook at ``path`` with the outputs of a fresh run of all its cells, in its own folder.

    Parameters
    ----------
    path, kernel
        The notebook, and the name of a kernel, such as ``python3``.
    seconds
        How long one cell may take; then it is interrupted, and the next one runs.
    tick
        Called after each code cell.

    Raises
    ------
    LearnerError
        When nbclient or the kernel is not installed, or the kernel died.
    """
    read(path)  # one clear line where nbformat has many
    try:
        import nbformat
        from jupyter_client.kernelspec import NoSuchKernel
        from nbclient import NotebookClient
        from nbclient.exceptions import DeadKernelError
    except ModuleNotFoundError as error:
        raise LearnerError(f"--run needs {error.name}, which is not installed: pip install 'rnnkit[lab]'") from None
    try:
        notebook: Any = nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises whatever its reader met
        raise LearnerError(f"{path} is no notebook ({type(error).__name__})") from None
    options: dict[str, Any] = {"timeout": seconds, "interrupt_on_timeout": True, "allow_errors": True}
    options |= {
        "resources": {"metadata": {"path": str(path.absolute().parent)}},
        "on_cell_executed": lambda **_: tick(),
    }
    try:
        NotebookClient(notebook, kernel_name=kernel, **options).execute()
    except NoSuchKernel:
        raise LearnerError(f"there is no kernel {kernel!r}; jupyter kernelspec list names those there are") from None
    except (DeadKernelError, RuntimeError) as error:
        raise LearnerError(f"the kernel died while {path.name} ran: {error}") from None
    return dict(notebook)
