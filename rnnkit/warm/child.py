"""What a fork of the template does to become a Jupyter kernel like any other."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import Any

__all__ = ["become_kernel", "become_kernel_without_template"]

_PR_SET_DUMPABLE = 4


def become_kernel(request: dict[str, Any], outputs: list[int]) -> int:
    """Turn this freshly forked process into the kernel that `request` asks for; return its exit status.

    The request holds ``argv`` (arguments of ipykernel), ``env`` (the whole environment), ``cwd``, and optionally
    ``walls`` (see :mod:`rnnkit.isolation.inside`), ``withheld`` (see :mod:`rnnkit.warm.preamble`) and ``try_walls``:
    then it becomes no kernel but runs into its walls (see :mod:`rnnkit.isolation.probe`) and prints which held.
    """
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _take_standard_streams(outputs)
    os.environ.clear()
    os.environ.update(request["env"])
    walls = request.get("walls")
    if walls is not None:
        from rnnkit.isolation import inside

        inside.enter(walls)
    else:
        from rnnkit.warm.template import prctl

        prctl(_PR_SET_DUMPABLE, 1)
    os.chdir(request["cwd"])
    if "try_walls" in request:
        from rnnkit.isolation import probe

        print(probe.break_out(request["try_walls"]), flush=True)
        return 0
    sys.argv = ["ipykernel_launcher", *request["argv"]]
    _see_own_folder()
    _reseed()
    gc.enable()
    return _run(request)


def become_kernel_without_template(request: dict[str, Any]) -> int:
    """Turn a new process into a kernel where nothing can be forked; the request holds ``limits`` too."""
    from rnnkit.isolation import inside

    inside.bound(request["limits"])
    _see_own_folder()
    return _run(request)


def _take_standard_streams(outputs: list[int]) -> None:
    """Put the given outputs in the place of the template's (whose log tells why a start failed); close the rest."""
    kept = [os.dup(number) for number in (os.open(os.devnull, os.O_RDONLY), *outputs)]
    for number, copy in enumerate(kept):
        os.dup2(copy, number)
    os.closerange(3, 1 << 20)


def _see_own_folder() -> None:
    """Let the notebook import what lies beside it, as ipykernel does: the template was started without that."""
    if "" not in sys.path:
        behind_library = (n for n, path in enumerate(sys.path) if "-packages" in path)
        sys.path.insert(next(behind_library, len(sys.path)), "")


def _reseed() -> None:
    """Give this fork random states of its own, as a new process has them."""
    import random

    random.seed()
    for name in ("numpy.random", "torch"):
        if name in sys.modules:
            sys.modules[name].seed()


def _take_backend(shell: Any) -> None:
    """Draw where this kernel's environment says (ipykernel has put its own default there)."""
    pyplot, backend = sys.modules.get("matplotlib.pyplot"), os.environ["MPLBACKEND"]
    if pyplot is not None and backend.endswith("inline"):
        shell.enable_matplotlib("inline")
    elif pyplot is not None:
        pyplot.switch_backend(backend)


def _run(request: dict[str, Any]) -> int:
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance(**({"parent_handle": os.getppid()} if os.name == "posix" else {}))
    app.initialize(request["argv"])
    _take_backend(app.shell)
    if "withheld" in request:
        from rnnkit.warm import preamble

        preamble.enter(request["withheld"])
    app.start()
    return 0
