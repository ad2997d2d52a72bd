"""Warm kernels by name: for nbval, nbclient, nbgrader, jupyter-book, JupyterLab, and whatever else starts kernels."""

from __future__ import annotations

import atexit
import functools
import os
import subprocess
import sys
from typing import Any

from jupyter_client.provisioning import LocalProvisioner
from traitlets import List, Unicode

from rnnkit.warm.client import Template, TemplateError, available

__all__ = ["WarmProvisioner"]

_TEMPLATES: dict[tuple[int, tuple[str, ...]], Template] = {}  # by process and preloaded modules: this is its cache


class WarmProvisioner(LocalProvisioner):  # type: ignore[misc]
    """Starts kernels as forks of one template per client process and list of modules.

    The first kernel starts the template (the imports of an ordinary kernel, once); later ones take milliseconds. The
    template ends with the process that started it. Where forking is not possible, ordinary kernels are started and a
    line in the log says so.
    """

    preload = List(Unicode(), help="modules to import in the template").tag(config=True)

    async def launch_kernel(self, cmd: list[str], **options: Any) -> dict[str, Any]:
        """Fork a kernel; `cmd` is the kernelspec's, of which the arguments behind ``ipykernel_launcher`` count."""
        try:
            template = _template(tuple(self.preload))
            arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
            outputs = [_number(options.get("stdout"), 1), _number(options.get("stderr"), 2)]
            env = dict(options.get("env") or os.environ)
            env.pop("JPY_PARENT_PID", None)  # the template watches over its kernels
            cwd = os.fspath(options.get("cwd") or os.getcwd())
            self.process = template.start(arguments, env, cwd, outputs=outputs)
        except (TemplateError, ValueError) as error:
            self.log.warning("no warm kernel, starting an ordinary one: %s", error)
            return dict(await super().launch_kernel(cmd, **options))
        self.pid, self.pgid = self.process.pid, None
        return dict(self.connection_info)


def _number(stream: Any, default: int) -> int:
    """Return the file number of an output as Jupyter gives it: a file, a number, None for this process's own."""
    number = default if stream is None else stream if isinstance(stream, int) else int(stream.fileno())
    if number != subprocess.DEVNULL:
        return number
    return _nothing()


@functools.cache
def _nothing() -> int:
    return os.open(os.devnull, os.O_RDWR)


def _template(preload: tuple[str, ...]) -> Template:
    if not available():
        raise TemplateError(f"they need Linux, this is {sys.platform}")
    key = (os.getpid(), preload)
    if key not in _TEMPLATES or not _TEMPLATES[key].is_alive():
        template = _TEMPLATES[key] = Template(preload)
        atexit.register(template.close)
        if template.threads > 1:
            _TEMPLATES.pop(key).close()
            raise TemplateError(f"the template has {template.threads} threads after its imports; forks would be unsafe")
    return _TEMPLATES[key]
