"""What a learner's kernel may use: time, memory, processes, files, output, environment."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass

__all__ = ["Limits", "kernel_environment"]

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


LEAST_MEMORY_MB = 512
"""Less, and the kernel ends before the learner's first cell."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one submission's run; every number can be set on the command line.

    ``memory_mb`` bounds the private writable memory of each process (four times as much its address space) and, where
    there are control groups, the memory of all together. ``scratch_mb`` is the room in folders of its own.
    """

    cell_seconds: float = 30.0
    notebook_seconds: float = 240.0
    startup_seconds: float = 60.0
    memory_mb: int = 4096
    file_mb: int = 64
    open_files: int = 512
    processes: int = 256
    output_mb: int = 64
    bundle_mb: int = 8
    scratch_mb: int = 256
    restarts: int = 3

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value < 1e9 or (value == 0 and name != "restarts"):
                raise ValueError(f"the limit {name} is {value}; give a number above 0 (and below a billion)")
        if self.memory_mb < LEAST_MEMORY_MB:
            raise ValueError(
                f"the limit memory_mb is {self.memory_mb}; a kernel with torch takes at least {LEAST_MEMORY_MB}"
            )

    def in_kernel(self) -> dict[str, int]:
        """Return what the kernel hands to ``resource.setrlimit``, by the names of :mod:`resource`."""
        megabyte = 1 << 20
        return {
            "CPU": int(self.notebook_seconds) + 10,
            "DATA": self.memory_mb * megabyte,
            "AS": 4 * self.memory_mb * megabyte,
            "FSIZE": self.file_mb * megabyte,
            "NOFILE": self.open_files,
            "CORE": 0,
        }


def kernel_environment(home: str) -> dict[str, str]:
    """Return the kernel's whole environment: an allow-list, so that no token of the instructor travels along."""
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= dict.fromkeys(_ONE_THREAD, "1")
    environment |= {
        "HOME": home,
        "TMPDIR": home,
        "IPYTHONDIR": f"{home}/.ipython",
        "JUPYTER_CONFIG_DIR": f"{home}/.jupyter",
        "JUPYTER_DATA_DIR": f"{home}/.jupyter",
        "JUPYTER_RUNTIME_DIR": f"{home}/.jupyter",
        "MPLCONFIGDIR": f"{home}/.matplotlib",
        "MPLBACKEND": "Agg",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
    }
    if sys.platform == "win32":
        environment |= {"USERPROFILE": home, "TEMP": home, "TMP": home}
    return environment
