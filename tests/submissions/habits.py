# ruff: noqa: E501 -- cells of learners, who do not count columns
"""Habits of people who program: modules of their own, processes, names taken, old formats. None may lose a point."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat

from submissions.cases import ALL, POINTS, Cases, Notebook, answer, code, put_after, put_first, solution, wrapped

HERE = Cases()


@HERE.notebook("restarts the kernel as tutorials say.ipynb", ALL)  # 22 of 26: a later cell died of it
def _(made: Notebook) -> None:
    put_first(made, "import IPython\nIPython.Application.instance().kernel.do_shutdown(True)")


@HERE.notebook("all in one cell.ipynb", POINTS[1], says="were missing, they were put back", solved=(1,))  # "unmatched"
def _(made: Notebook) -> None:
    source = "\n\n".join(cell.source for cell in made.cells if cell.cell_type == "code")
    made.cells = [code(source)]


@HERE.notebook("modules written in the notebook.ipynb", ALL)
def _(made: Notebook) -> None:
    head = "%%writefile answers.py\nimport numpy as np\n\n\ndef forward(x, h0, params):\n    h = [h0]\n    for x_t in x:\n        h.append(np.tanh(x_t @ params['W_x'] + h[-1] @ params['W_h'] + params['b']))\n    h = np.stack(h)\n    o = h[1:] @ params['W_y'] + params['b_y']\n    p = np.exp(o - o.max(-1, keepdims=True))\n    return h, p / p.sum(-1, keepdims=True)\n\n\n"
    answer(made, 1).source = head + solution(1)
    put_after(made, "answer-05-1", "from answers import bptt")


@HERE.notebook("own modules named like others.ipynb", ALL)
def _(made: Notebook) -> None:
    for name in ("check", "numpy", "json", "rnnkit"):
        put_first(made, f"%%writefile {name}.py\n1 / 0")


@HERE.notebook("processes and threads in answers.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(made, "import multiprocessing\nfrom concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor")
    answer(made, 1).source = answer(made, 1).source.replace("def bptt(", "def work(") + (
        "\n\n\ndef bptt(*a):\n    with ProcessPoolExecutor(2, multiprocessing.get_context('fork')) as pool: return pool.submit(work, *a).result()"
    )
    for number, name in ((3, "truncated_bptt"), (4, "checkpointed_bptt")):
        body = "with ThreadPoolExecutor(1) as pool: return pool.submit(right, *a).result()"
        answer(made, number).source += "\n\n" + wrapped(body, name, "*a")


@HERE.notebook("old headings.ipynb", ALL, write=lambda made, path: path.write_text(json.dumps(made), "utf-8"))
def _(made: Notebook) -> None:
    made.nbformat_minor = 0
    made.cells.insert(0, nbformat.from_dict({"cell_type": "heading", "level": 1, "metadata": {}, "source": "Title"}))


def _bare(made: Notebook, path: Path) -> None:
    raw = json.loads(nbformat.writes(made))
    del raw["nbformat_minor"]
    for cell in raw["cells"]:
        for name in ("id", "outputs", "execution_count"):
            cell.pop(name, None)
    path.write_text(json.dumps(raw), "utf-8")


@HERE.notebook("fields missing.ipynb", ALL, write=_bare)
def _(made: Notebook) -> None: ...


HERE.first_cell("names of the grader's cell taken.ipynb", ALL,
                "seed = 3\nemit = __emit = check = 1\n_ = __ = 5\nIn = Out = exit = quit = get_ipython = display = None")  # fmt: skip
HERE.first_cell("defaults of torch changed.ipynb", ALL,
                "import torch\ntorch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)\ntorch.use_deterministic_algorithms(True)\ntorch.set_num_threads(4)")  # fmt: skip
