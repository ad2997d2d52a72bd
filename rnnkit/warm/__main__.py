"""``python -m rnnkit.warm``: make the warm kernels known to Jupyter in this environment.

A wheel brings the kernelspecs along; an editable install (``pip install -e``) needs this command once.
"""

from __future__ import annotations

import sys
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager


def main() -> None:
    """Copy the kernelspecs into this environment's ``share/jupyter/kernels``."""
    manager = KernelSpecManager()
    for folder in sorted(Path(__file__).with_name("kernels").iterdir()):
        print(manager.install_kernel_spec(str(folder), folder.name, prefix=sys.prefix))


if __name__ == "__main__":
    main()
