# ruff: noqa: E501 -- cells of learners, who do not count columns
"""Honest oddities of notebooks: what editors, systems and habits make of them. None may lose a point.

Which definition counts? Cells run from top to bottom, and a check sees what stands above its place: what `Restart and
run all` would show.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import nbformat

from submissions.cases import (
    ALL,
    POINTS,
    Cases,
    Notebook,
    answer,
    code,
    fresh_id,
    info,
    is_answer,
    is_check,
    place_of,
    put_after,
    put_before,
    put_first,
    put_last,
    solution,
    strip,
)  # fmt: skip

HERE = Cases()
STUB = "def bptt(x, y, h0, params):\n    raise NotImplementedError"


# ------------------------------------------------------------------ what happened to cells


@HERE.notebook("metadata stripped.ipynb", ALL)
def _(made: Notebook) -> None:
    strip(made)


@HERE.notebook("checks copied.ipynb", ALL, says="locked cells have copies")
def _(made: Notebook) -> None:
    made.cells = [copy.deepcopy(cell) for cell in made.cells for _ in range(2 if is_check(cell) else 1)]
    for cell in made.cells:
        cell["id"] = fresh_id()


@HERE.notebook("checks moved to the top.ipynb", ALL, says="stood before their answers")
def _(made: Notebook) -> None:
    made.cells.sort(key=lambda cell: not is_check(cell))


@HERE.notebook("checks deleted, answers right.ipynb", ALL, says="were missing, they were put back")
def _(made: Notebook) -> None:
    made.cells = [cell for cell in made.cells if not is_check(cell)]


@HERE.notebook("checks edited, answers right.ipynb", ALL, says="were edited, the originals ran")
def _(made: Notebook) -> None:
    for cell in filter(is_check, made.cells):
        cell.source = "# " + cell.source


@HERE.notebook("checks merged into answers.ipynb", ALL, says="were missing, they were put back")
def _(made: Notebook) -> None:
    for cell in filter(is_check, made.cells):
        number = int(str(info(cell)["grade_id"])[9])
        answer(made, number).source += "\n\n" + cell.source
    made.cells = [cell for cell in made.cells if not is_check(cell)]


@HERE.notebook("answers split in two.ipynb", ALL)
def _(made: Notebook) -> None:
    for cell in [cell for cell in made.cells if is_answer(cell)]:
        second = copy.deepcopy(cell)
        second["id"], second.source = fresh_id(), "# and that is it"
        made.cells.insert(made.cells.index(cell) + 1, second)


@HERE.notebook("answer in a new cell with own checks.ipynb", ALL)
def _(made: Notebook) -> None:
    written, answer(made, 1).source = answer(made, 1).source, STUB
    own = [code(f'check("05.1{part}", bptt)') for part in "abc"]
    place = place_of(made, "check-05-1c")
    made.cells[place + 1 : place + 1] = [code(written), *own]


@HERE.notebook("answer in a new cell above the check.ipynb", ALL)
def _(made: Notebook) -> None:
    put_after(made, "answer-05-1", answer(made, 1).source)
    answer(made, 1).source = STUB


@HERE.notebook("answer spoilt after its check.ipynb", ALL)
def _(made: Notebook) -> None:
    put_last(made, "bptt = name_the_bug = truncated_bptt = checkpointed_bptt = teacher_forced_loss = None")


@HERE.notebook("answer written after its check.ipynb", ALL - POINTS[5], says="not written yet", solved=(1, 2, 3, 4))
def _(made: Notebook) -> None:  # not right in this order, for the learner neither
    put_last(made, solution(5))


@HERE.notebook("all answers in the first cell.ipynb", ALL, solved=())
def _(made: Notebook) -> None:
    made.cells = [cell for cell in made.cells if not is_answer(cell)]
    put_before(made, "check-05-1a", "\n\n".join(map(solution, POINTS)))
    put_before(
        made, "check-05-1a", 'BUGS = ("ascent", "no slope", "transposed", "no future", "late by one", "overwritten")'
    )


@HERE.notebook("exercises in another order.ipynb", ALL)
def _(made: Notebook) -> None:
    start = place_of(made, "answer-05-5")
    made.cells = [*made.cells[:5], *made.cells[start:], *made.cells[5:start]]


@HERE.notebook("answer turned into text.ipynb", ALL - POINTS[5], says="NameError")
def _(made: Notebook) -> None:
    cell = answer(made, 5)
    made.cells[made.cells.index(cell)] = nbformat.v4.new_markdown_cell(cell.source, metadata=cell.metadata)


@HERE.notebook("locked cells lost and spoilt.ipynb", ALL, says="were missing, they were put back")
def _(made: Notebook) -> None:
    del made.cells[place_of(made, "imports-05")]
    made.cells[place_of(made, "forward-05")].source = "def forward(*arguments):\n    return 1 / 0"


@HERE.notebook("skip markers.ipynb", ALL)
def _(made: Notebook) -> None:
    made.metadata["kernelspec"] = {"name": "ir", "display_name": "R", "language": "R"}
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.metadata["tags"] = ["nbval-skip", "raises-exception", "skip-execution"]
            if is_answer(cell):
                cell.source = "# NBVAL_SKIP\n" + cell.source


# ------------------------------------------------------------------ editors


@HERE.notebook("Colab.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(made, "from google.colab import drive\ndrive.mount('/content/drive')")
    put_first(made, '#@title Set up { display-mode: "form" }\n%cd /content\n!nvidia-smi')
    strip(made)
    made.metadata |= {
        "colab": {"provenance": [], "gpuType": "T4"},
        "accelerator": "GPU",
        "widgets": {"a": {"state": {}}},
    }
    for cell in made.cells:
        cell.metadata |= {"id": "x7Gh_2", "colab": {"base_uri": "https://localhost:8080/"}, "outputId": "1"}
        cell.pop("id")
    made.nbformat_minor = 0


@HERE.notebook("VS Code.ipynb", ALL, write=lambda made, path: path.write_text(json.dumps(made), "utf-8"))
def _(made: Notebook) -> None:
    for cell in made.cells:
        cell["id"], cell.metadata["vscode"] = "#VSC-5e3f", {"languageId": "python"}  # all the same, none allowed
    put_first(made, "# %%\n#!%%time\n# %% [markdown]\nx = 1")


def _windows(made: Notebook, path: Path) -> None:
    for cell in made.cells:
        cell.source = cell.source.replace("\n", "\r\n")
    text = json.dumps(made, indent=1).replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())


@HERE.notebook("Windows.ipynb", ALL, write=_windows)
def _(made: Notebook) -> None:
    put_first(made, "data = r'C:\\Users\\Zoë\\data'\nimport os\nos.chdir(data)")


@HERE.notebook("UTF-16.ipynb", ALL, write=lambda made, path: path.write_bytes(json.dumps(made).encode("utf-16")))
def _(made: Notebook) -> None: ...


@HERE.notebook(
    "format 3.ipynb", ALL, write=lambda made, path: path.write_text(json.dumps(nbformat.convert(made, 3)), "utf-8")
)
def _(made: Notebook) -> None: ...


@HERE.notebook("old Mac and tabs.ipynb", ALL, write=lambda made, path: path.write_text(json.dumps(made), "utf-8"))
def _(made: Notebook) -> None:
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.source = cell.source.replace("    ", "\t").replace("\n", " \r") + "\r\r \x0c"


@HERE.notebook("output of a whole term.ipynb", ALL, write=lambda made, path: path.write_text(json.dumps(made), "utf-8"))
def _(made: Notebook) -> None:
    for number, cell in enumerate(made.cells):
        if cell.cell_type != "code":
            cell["attachments"] = {"image.png": {"image/png": "iVBORw0KGgo="}}
            continue
        cell["execution_count"] = 900 - number
        cell["outputs"] = [
            {"output_type": "display_data", "data": {"image/png": "A" * 400_000}, "metadata": {"needs": "background"}},
            {"output_type": "execute_result", "data": {"text/plain": float("nan")}, "execution_count": None},
            {"output_type": "error", "ename": "KeyboardInterrupt", "evalue": "", "traceback": ["\x1b[31m"]},
        ]
    made.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {"a": {"b": [1] * 1000}}}}
    made.cells.insert(3, nbformat.v4.new_raw_cell("raw, not run: 1 / 0"))


@HERE.notebook("Zoë Šimůnek 蛇 =1+1.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(made, "größe, π, 蛇 = 1, 3.14, '🐍 \\u202e'\nprint(größe, π, 蛇)\nlong = '" + "x" * 1_000_000 + "'")


# ------------------------------------------------------------------ habits


@HERE.notebook("names redefined.ipynb", ALL)
def _(made: Notebook) -> None:
    put_last(made, "print = isinstance = len = dict = str = None\ncheck = emit = lambda *a: None")
    put_first(made, "list_ = list\n__import__ = None\nprint = None\nid = 'mine'\nfrom math import *")


@HERE.notebook("magics.ipynb", ALL)
def _(made: Notebook) -> None:
    made.cells.insert(0, code("%reset -f\n%load_ext autoreload\n%autoreload 2\n%matplotlib notebook"))
    answer(made, 1).source = "%%time\n" + answer(made, 1).source
    answer(made, 2).source = "%%capture said\n" + answer(made, 2).source
    answer(made, 3).source = "%pdb on\n" + answer(made, 3).source
    answer(
        made, 4
    ).source += "\n%timeit -n 1 -r 1 1 + 1\n%who\n?checkpointed_bptt\n%config InlineBackend.figure_format='svg'"
    put_first(made, "%%script bash\necho hello; exit 3")
    put_first(made, "!ls / | head -3\nfiles = !ls\n%cd /tmp\n%env A=1\n%run nothing.py\n%debug")


@HERE.notebook("shell commands before what matters.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(made, "!echo hello; false\n%cd ..\n%env A=1\nfiles = !ls\n!pip --version\nfloat64 = np.float64")
    answer(made, 1).source = answer(made, 1).source.replace("np.zeros_like(x)", "np.zeros_like(x, float64)")


@HERE.notebook("pip install.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(made, "%pip install -q --retries 0 --timeout 2 einops\n!pip install --retries 0 --timeout 2 -U numpy")


@HERE.notebook("asks for input.ipynb", ALL, says="StdinNotImplementedError")
def _(made: Notebook) -> None:
    put_first(made, "import getpass\nname = getpass.getpass()")
    put_first(made, "name = input('your name? ')")
    put_first(made, "breakpoint()")
    put_last(made, "import pdb\npdb.set_trace()")


@HERE.notebook("calls exit.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(made, "import sys\nsys.exit(1)")
    put_first(made, "exit()")
    put_before(made, "answer-05-3", "quit()")
    put_before(made, "answer-05-4", "raise SystemExit")


@HERE.notebook("async and recursion.ipynb", ALL, says="asyncio.run() cannot be called")
def _(made: Notebook) -> None:
    put_first(made, "import asyncio\nawait asyncio.sleep(0)\nasyncio.create_task(asyncio.sleep(1000))")
    put_first(made, "import asyncio\nasyncio.run(asyncio.sleep(0))")
    put_first(made, "def f(): return f()\nf()")


@HERE.notebook("tidies up too much.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(
        made,
        "import os, sys\nos.environ.clear()\nos.chdir('/')\nsys.path.clear()\nsys.stdout.close()\nsys.argv.clear()",
    )
    put_first(made, "import sys\nsys.stdout = sys.stderr = open('log.txt', 'w')\ndel check, np\nimport numpy as np")
    put_first(made, "import gc, logging, warnings\ngc.disable()\nlogging.disable()\nwarnings.simplefilter('error')")
    put_first(
        made,
        "np.seterr(all='raise')\nnp.set_printoptions(precision=2)\nnp.random.seed(0)\nimport sys\nsys.setrecursionlimit(10**6)",
    )
    put_last(made, "del bptt, np\n%reset -f")


@HERE.notebook("decimal commas.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(
        made,
        "import locale, os, time\nos.environ |= {'LANG': 'de_DE.UTF-8', 'TZ': 'Asia/Kathmandu'}\ntime.tzset()\n"
        "for name in ('de_DE.UTF-8', 'C.UTF-8', 'C'):\n    try: locale.setlocale(locale.LC_ALL, name)\n"
        "    except locale.Error: pass\nnp.set_printoptions(formatter={'float': lambda v: str(v).replace('.', ',')})",
    )


@HERE.notebook("chatty answers.ipynb", ALL)
def _(made: Notebook) -> None:
    for number, name in enumerate(
        ("bptt", "name_the_bug", "truncated_bptt", "checkpointed_bptt", "teacher_forced_loss"), 1
    ):
        answer(made, number).source += f"\n\n{name} = chatty({name})"
    put_first(
        made,
        "import functools, logging, sys, warnings\nfrom IPython.display import HTML, clear_output, display\n"
        "import matplotlib.pyplot as plt\nfrom tqdm.auto import trange\n\n\ndef chatty(function):\n"
        "    @functools.wraps(function)\n    def told(*a, **k):\n        print('x' * 200, a[0], file=sys.stderr)\n"
        "        warnings.warn('careful')\n        logging.warning('careful')\n"
        "        display(HTML('<b>here</b>'), {'a': 1})\n        for _ in trange(3): clear_output()\n"
        "        if not calls:\n            plt.plot([1, 2])\n            plt.show()\n        calls.append(1)\n"
        "        return function(*a, **k)\n    return told\n\n\ncalls = []",
    )


@HERE.notebook("threads, pools and files.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(
        made,
        "import multiprocessing, tempfile, threading\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool: assert pool.map(abs, [-1, 2]) == [1, 2]\n"
        "with ThreadPoolExecutor(4) as pool: assert list(pool.map(abs, [-1, 2])) == [1, 2]\n"
        "threading.Timer(1000, print).start()\nnp.save('mine.npy', np.zeros(1000))\n"
        "with tempfile.TemporaryDirectory() as folder: open(folder + '/a', 'w').write('b')\n"
        "shared = multiprocessing.Array('d', 10)\ndone = 'all of it worked'\nraise RuntimeError(done)",
    )
