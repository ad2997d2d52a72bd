"""The warm kernelspecs, used by name as nbval, nbclient, nbgrader and jupyter-book do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from rnnkit.warm.client import available

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "rnnkit/warm/kernels").iterdir())

pytestmark = pytest.mark.skipif(not available(), reason="warm kernels need Linux")


@pytest.fixture(scope="module", autouse=True)
def known_to_jupyter():
    """Let Jupyter look where the kernelspecs lie: this environment may not have been told of them."""
    before = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = str(ROOT / "rnnkit/warm")
    yield
    os.environ.pop("JUPYTER_PATH") if before is None else os.environ.update(JUPYTER_PATH=before)


def executed(*sources, kernel="rnnkit-warm", **options):
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(notebook, kernel_name=kernel, **options).execute()
    return [cell.outputs for cell in notebook.cells]


def said(outputs):
    return "".join(output.get("text", "") for output in outputs).strip()


def test_a_notebook_finds_the_world_as_a_new_process_has_it():
    out = executed("print(__name__, sorted(k for k in globals() if not k.startswith('_')))")
    assert said(out[0]) == "__main__ ['In', 'Out', 'exit', 'get_ipython', 'open', 'quit']"


def test_kernels_of_one_client_are_forks_of_one_template_that_has_imported():
    source = "import os, sys; print('numpy' in sys.modules, os.getppid(), os.getpid())"
    first, second = (said(executed(source)[0]).split() for _ in range(2))
    assert first[0] == second[0] == "True"
    assert first[1] == second[1]
    assert first[2] != second[2]


def test_the_files_beside_a_notebook_can_be_imported(tmp_path):
    (tmp_path / "beside.py").write_text("answer = 42")
    out = executed("import beside; print(beside.answer)", resources={"metadata": {"path": str(tmp_path)}})
    assert said(out[0]) == "42"


def test_figures_appear_where_they_are_drawn():
    out = executed("import matplotlib.pyplot as plt\nplt.plot([1, 2]);", "plt.figure()\nplt.plot([1]);")
    for outputs in out:
        assert any("image/png" in output.get("data", {}) for output in outputs)


def test_an_endless_cell_is_interrupted_and_a_dead_kernel_noticed():
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    with pytest.raises(CellTimeoutError):
        executed("while True: pass", timeout=1, interrupt_on_timeout=False)
    with pytest.raises(DeadKernelError):
        executed("import os; os._exit(0)")


def test_torchs_own_random_numbers_differ_from_kernel_to_kernel():
    pytest.importorskip("torch")
    source = "import torch; print(torch.rand(1).item(), torch.get_num_threads())"
    first, second = (said(executed(source, kernel="rnnkit-warm-torch")[0]).split() for _ in range(2))
    assert first[0] != second[0]
    assert first[1] == second[1] == "1"


def test_nbval_takes_a_warm_kernel_by_name(tmp_path):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("import sys; assert 'matplotlib.pyplot' in sys.modules")]
    )
    nbformat.write(notebook, tmp_path / "a.ipynb")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--nbval-lax",
        "--nbval-kernel-name",
        "rnnkit-warm",
    ]
    done = subprocess.run([*command, "a.ipynb"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("folder", SPECS, ids=lambda folder: folder.name)
def test_a_kernelspec_names_the_provisioner_and_modules_that_exist(folder):
    import importlib.util

    spec = json.loads((folder / "kernel.json").read_text())
    settings = spec["metadata"]["kernel_provisioner"]
    assert settings["provisioner_name"] == "rnnkit-warm"
    assert all(importlib.util.find_spec(name) for name in settings["config"]["preload"])


def test_without_a_template_an_ordinary_kernel_is_started(monkeypatch, caplog):
    from rnnkit.warm import provisioner

    def refuse(preload):
        raise provisioner.TemplateError("not today")

    monkeypatch.setattr(provisioner, "_template", refuse)
    out = executed("import sys; print('numpy' in sys.modules)")
    assert said(out[0]) == "False"


def test_the_command_puts_the_kernelspecs_into_this_environment(tmp_path, monkeypatch):
    from rnnkit.warm import __main__ as command

    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    command.main()
    installed = {path.parent.name for path in tmp_path.rglob("kernel.json")}
    assert installed == {folder.name for folder in SPECS}
