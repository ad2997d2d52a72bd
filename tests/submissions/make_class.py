"""Make a class of submissions for 05-bptt, honest, odd and hostile, each with the points it must get.

    python tests/submissions/make_class.py FOLDER

The expectation of each file is in `CASES`; tests/grade/test_class.py grades the folder and compares.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]
EXERCISE, SOLUTION = ROOT / "exercises/05-bptt.ipynb", ROOT / "solutions/05-bptt.ipynb"
POINTS = {1: 10, 2: 4, 3: 5, 4: 4, 5: 3}  # by answer; 26 in all
ALL = sum(POINTS.values())

Notebook = nbformat.NotebookNode


@dataclass(frozen=True)
class Case:
    """One submission: how it is written, and its expected outcome (`says`: part of the reason or of a note)."""

    file: str
    points: float
    write: Callable[[Path], None]
    status: str = "graded"
    says: str = ""


CASES: list[Case] = []


def notebook(file: str, points: float, says: str = "", solved: tuple[int, ...] = tuple(POINTS), status: str = "graded"):
    """Declare a case that starts from the exercise with the answers `solved` filled in."""

    def declare(change: Callable[[Notebook], None]) -> None:
        def write(path: Path) -> None:
            made = answered(solved)
            change(made)
            nbformat.write(made, path)

        CASES.append(Case(file, points, write, status, says))

    return declare


def raw(file: str, says: str, status: str = "unreadable"):
    """Declare a case whose file is written by hand and earns nothing."""

    def declare(write: Callable[[Path], None]) -> None:
        CASES.append(Case(file, 0, write, status, says))

    return declare


def info(cell: Notebook) -> dict[str, object]:
    return cell.metadata.get("nbgrader", {})


def fresh_id() -> str:
    return str(nbformat.v4.new_code_cell().id)


def is_check(cell: Notebook) -> bool:
    return bool(info(cell).get("grade"))


def is_answer(cell: Notebook) -> bool:
    return bool(info(cell).get("solution"))


def answered(solved: tuple[int, ...]) -> Notebook:
    """The exercise, its answers of these numbers taken from the solution."""
    made = nbformat.read(EXERCISE, as_version=4)
    right = {info(cell).get("grade_id"): cell.source for cell in nbformat.read(SOLUTION, as_version=4).cells}
    for cell in made.cells:
        if is_answer(cell) and int(str(info(cell)["grade_id"]).rsplit("-", 1)[1]) in solved:
            cell.source = right[info(cell)["grade_id"]]
    return made


def answer(made: Notebook, number: int) -> Notebook:
    return next(cell for cell in made.cells if info(cell).get("grade_id") == f"answer-05-{number}")


def return_instead(made: Notebook, result: str) -> None:
    """Let the right bptt return something made of its `loss` and `grads`."""
    answer(made, 1).source += (
        "\n\n_right = bptt\n\ndef bptt(x, y, h0, params):\n    loss, grads = _right(x, y, h0, params)\n"
        f"    return {result}\n"
    )


def put_first(made: Notebook, source: str) -> None:
    """Insert a cell of the learner's before the first answer, behind the imports."""
    place = next(number for number, cell in enumerate(made.cells) if is_answer(cell))
    made.cells.insert(place, nbformat.v4.new_code_cell(source))


def put_last(made: Notebook, source: str) -> None:
    made.cells.append(nbformat.v4.new_code_cell(source))


# ------------------------------------------------------------------ honest work


@notebook("full marks.ipynb", ALL)
def _(made: Notebook) -> None: ...


@notebook("untouched.ipynb", 0, solved=(), says="not written yet")
def _(made: Notebook) -> None: ...


@notebook("first answer only.ipynb", POINTS[1], solved=(1,))
def _(made: Notebook) -> None: ...


@notebook("one answer raises.ipynb", ALL - POINTS[5], says="raised ZeroDivisionError")
def _(made: Notebook) -> None:
    answer(made, 5).source += "\n\ndef teacher_forced_loss(x, y, params):\n    return 1 / 0\n"


@notebook("recurrent gradients wrong.ipynb", 3, solved=(1,), says="W_h differs")
def _(made: Notebook) -> None:
    return_instead(made, "loss, {k: v if k in ('W_y', 'b_y') else 2 * v for k, v in grads.items()}")


@notebook("broken answer cell.ipynb", ALL - POINTS[3], says="SyntaxError")
def _(made: Notebook) -> None:
    answer(made, 3).source = "def truncated_bptt(x, y, h0, params, k1, k2:\n    return {}\n"


# ------------------------------------------------------------------ honest oddities: none may lose a point


@notebook("Zoë Šimůnek 蛇 =1+1.ipynb", ALL)
def _(made: Notebook) -> None: ...


@notebook("lists for arrays.ipynb", POINTS[1], solved=(1,))
def _(made: Notebook) -> None:
    return_instead(made, "float(loss), {k: v.tolist() for k, v in grads.items()}")


@notebook("float32.ipynb", POINTS[1], solved=(1,))
def _(made: Notebook) -> None:
    answer(made, 1).source += (
        "\n\n_right, _f = bptt, np.float32\n\ndef bptt(x, y, h0, params):\n"
        "    loss, grads = _right(_f(x), y, _f(h0), {k: _f(v) for k, v in params.items()})\n"
        "    return _f(loss), {k: _f(v) for k, v in grads.items()}\n"
    )


@notebook("not contiguous.ipynb", POINTS[1], solved=(1,))
def _(made: Notebook) -> None:
    return_instead(made, "loss, {k: v[..., ::-1].copy()[..., ::-1] for k, v in reversed(grads.items())}")


@notebook("metadata stripped.ipynb", ALL)
def _(made: Notebook) -> None:
    for cell in made.cells:
        cell.metadata.clear()
        cell["id"] = fresh_id()


@notebook("names redefined.ipynb", ALL)
def _(made: Notebook) -> None:
    put_last(made, "print = isinstance = len = dict = str = None\ncheck = emit = lambda *a: None")
    put_first(made, "list_ = list\n__import__ = None\nprint = None\nid = 'mine'")


@notebook("checks copied.ipynb", ALL, says="locked cells have copies")
def _(made: Notebook) -> None:
    made.cells = [copy.deepcopy(cell) for cell in made.cells for _ in range(2 if is_check(cell) else 1)]
    for cell in made.cells:
        cell["id"] = fresh_id()


@notebook("checks moved to the top.ipynb", ALL, says="stood before their answers")
def _(made: Notebook) -> None:
    made.cells.sort(key=lambda cell: not is_check(cell))


@notebook("checks deleted, answers right.ipynb", ALL, says="were missing, they were put back")
def _(made: Notebook) -> None:
    made.cells = [cell for cell in made.cells if not is_check(cell)]


@notebook("checks edited, answers right.ipynb", ALL, says="were edited, the originals ran")
def _(made: Notebook) -> None:
    for cell in filter(is_check, made.cells):
        cell.source = "# " + cell.source


@notebook("skip markers.ipynb", ALL)
def _(made: Notebook) -> None:
    made.metadata["kernelspec"] = {"name": "no-such-kernel", "display_name": "none", "language": "R"}
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.metadata["tags"] = ["nbval-skip", "raises-exception"]
            if is_answer(cell):
                cell.source = "# NBVAL_SKIP\n" + cell.source


@notebook("asks for input.ipynb", ALL, says="StdinNotImplementedError")
def _(made: Notebook) -> None:
    put_first(made, "name = input('your name? ')")


@notebook("calls exit.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(made, "import sys\nsys.exit(1)")


@notebook("calls quit between answers.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(made, "exit()")
    place = next(number for number, cell in enumerate(made.cells) if info(cell).get("grade_id") == "answer-05-3")
    made.cells.insert(place, nbformat.v4.new_code_cell("quit()"))


@notebook("right in the small, nothing in the large.ipynb", ALL - POINTS[4] - POINTS[5])
def _(made: Notebook) -> None:
    answer(made, 4).source += (
        "\n\n_small = checkpointed_bptt\n\ndef checkpointed_bptt(step, back, x, upstream, h0, every):\n"
        "    return None if len(x) > 50 else _small(step, back, x, upstream, h0, every)\n"
    )
    answer(made, 5).source += (
        "\n\n_short = teacher_forced_loss\n\ndef teacher_forced_loss(x, y, params):\n"
        "    return (0.0, 0.0) if len(x) != 5 else _short(x, y, params)\n"
    )


@notebook("answer in a new cell with own checks.ipynb", ALL)
def _(made: Notebook) -> None:
    written = answer(made, 1)
    cell = nbformat.v4.new_code_cell(written.source)
    written.source = "def bptt(x, y, h0, params):\n    raise NotImplementedError"
    place = next(number for number, one in enumerate(made.cells) if info(one).get("grade_id") == "check-05-1c")
    own = [nbformat.v4.new_code_cell(f'check("05.1{part}", bptt)') for part in "abc"]
    made.cells[place + 1 : place + 1] = [cell, *own]


# ------------------------------------------------------------------ too much: time, output, memory, processes


@notebook("endless loop.ipynb", ALL, says="ran longer than")
def _(made: Notebook) -> None:
    put_first(made, "while True: pass")


@notebook("endless loop that cannot be interrupted.ipynb", ALL, says="ran longer than")
def _(made: Notebook) -> None:
    put_first(made, "while True:\n    try:\n        while True: pass\n    except BaseException: pass")


@notebook("endless answer.ipynb", ALL - POINTS[5], says="ran longer than")
def _(made: Notebook) -> None:
    answer(made, 5).source += "\n\ndef teacher_forced_loss(x, y, params):\n    while True: pass\n"


@notebook("prints 100 MB.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(made, "print('x' * 50_000_000)\nprint(*['y' * 99] * 500_000, sep='\\n')")
    put_first(made, "import os\nfor _ in range(20): os.write(1, b'z' * 50_000)")


@notebook("takes all memory.ipynb", ALL, says="MemoryError")
def _(made: Notebook) -> None:
    put_first(made, "import numpy\nhoard = [numpy.empty(1 << 27) for _ in range(100)]")


@notebook("leaves a process behind.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(
        made,
        "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(98765)'],\n"
        "                 start_new_session=True)",
    )


@notebook("kernel killed midway.ipynb", ALL, says="ended the kernel")
def _(made: Notebook) -> None:
    put_first(made, "import os\nos._exit(0)")
    put_last(made, "os._exit(0)")


@notebook("answer kills the kernel.ipynb", ALL - POINTS[5], says="ended the kernel")
def _(made: Notebook) -> None:
    answer(made, 5).source += "\n\ndef teacher_forced_loss(x, y, params):\n    import os\n    os._exit(0)\n"


# ------------------------------------------------------------------ attacks: none may gain a point


@notebook("checks edited to pass.ipynb", 0, solved=(), says="were edited, the originals ran")
def _(made: Notebook) -> None:
    for cell in filter(is_check, made.cells):
        cell.source = "print('✓ all points')"
        cell.metadata["nbgrader"]["points"] = 100


@notebook("checks deleted.ipynb", 0, solved=(), says="were missing, they were put back")
def _(made: Notebook) -> None:
    made.cells = [cell for cell in made.cells if not is_check(cell)]


@notebook("patched assert and numpy.testing.ipynb", 0, solved=())
def _(made: Notebook) -> None:
    put_first(
        made,
        "import builtins, numpy\nbuiltins.AssertionError = ValueError\nnumpy.allclose = lambda *a, **k: True\n"
        "numpy.testing.assert_allclose = numpy.testing.assert_equal = lambda *a, **k: None",
    )


@notebook("patched rnnkit.check.ipynb", 0, solved=())
def _(made: Notebook) -> None:
    put_first(
        made,
        "import rnnkit.check\nfrom IPython.display import publish_display_data\n"
        "def emit(exercise, answer, seed, given=None):\n"
        "    publish_display_data({'application/vnd.rnnkit.values+json':\n"
        "        {'id': exercise, 'seed': str(seed), 'values': {}, 'passed': True, 'points': 100}})\n"
        "rnnkit.check.emit = rnnkit.check.check = emit\nrnnkit.check.compare = lambda *a: None",
    )


@notebook("swapped rnnkit.ipynb", 0, solved=(), says="raised")
def _(made: Notebook) -> None:
    put_first(
        made, "import sys, types\nsys.modules['rnnkit'] = sys.modules['rnnkit.check'] = types.ModuleType('rnnkit')"
    )


@notebook("forged bundles and messages.ipynb", 0, solved=())
def _(made: Notebook) -> None:
    put_first(
        made,
        "from IPython.display import publish_display_data as show\nmime = 'application/vnd.rnnkit.values+json'\n"
        "shell = get_ipython()\nsession, socket = shell.kernel.session, shell.kernel.iopub_socket\n"
        "def forge(*_):\n"
        "    for kind in ('error', 'status', 'display_data', 'execute_result', 'nonsense'):\n"
        "        for content in ({}, {'data': {mime: 1}}, {'data': {mime: {'id': '05.1a', 'values': None}}},\n"
        "                        {'execution_state': 'idle'}):\n"
        "            session.send(socket, kind, content, parent=shell.get_parent())\n"
        "    show({mime: {'id': '05.1a', 'seed': '0', 'values': {}}})\n"
        "shell.events.register('pre_execute', forge)",
    )


@notebook("borrows the library's answer.ipynb", 0, solved=(), says="is what this exercise asks you to write")
def _(made: Notebook) -> None:
    answer(made, 1).source = (
        "def bptt(x, y, h0, params):\n    from rnnkit.check import exercise\n    import importlib\n"
        "    module, _, name = exercise('05.1a').withheld[0].rpartition('.')\n"
        "    return getattr(importlib.import_module(module), name)(x, y, h0, params)\n"
    )


@notebook("guesses the given from the seed.ipynb", 0, solved=())
def _(made: Notebook) -> None:
    answer(made, 2).source = (
        "import inspect\n\n\ndef name_the_bug(problem, wrong):\n    frame = inspect.currentframe()\n"
        "    while 'seed' not in frame.f_locals:\n        frame = frame.f_back\n"
        "    rng = np.random.default_rng([frame.f_locals['seed'], *b'05.2'])\n"
        "    order = rng.permutation([*BUGS, *rng.choice(BUGS, 2)])\n"
        "    calls.append(1)\n    return str(order[len(calls) - 1])\n\n\ncalls = []\n"
    )


@notebook("kills its grader.ipynb", 0, says="the worker grading it died 2 times", status="failed")
def _(made: Notebook) -> None:
    put_first(made, "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)")


# ------------------------------------------------------------------ no notebook of ours


@raw("broken.ipynb", says="is not JSON")
def _(path: Path) -> None:
    path.write_text(EXERCISE.read_text(encoding="utf-8")[:-40], encoding="utf-8")


@raw("empty.ipynb", says="is empty")
def _(path: Path) -> None:
    path.write_bytes(b"")


@raw("a list.ipynb", says="not a notebook")
def _(path: Path) -> None:
    path.write_text("[1, 2]")


@raw("a link.ipynb", says="is a symbolic link")
def _(path: Path) -> None:
    path.symlink_to(SOLUTION)


@raw("deep.ipynb", says="is not JSON")
def _(path: Path) -> None:
    path.write_text("[" * 200_000)


@raw("another course.ipynb", says="belongs to none of the masters", status="unmatched")
def _(path: Path) -> None:
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")]), path)


def make_class(folder: Path) -> dict[str, Case]:
    """Write every submission into `folder`; return the cases by their student (the file's name)."""
    folder.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        case.write(folder / case.file)
    return {case.file.removesuffix(".ipynb"): case for case in CASES}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the made class, one notebook for each threat or oddity.")
    parser.add_argument("folder", type=Path, help="where to write it; made if need be")
    folder = parser.parse_args().folder
    print(f"{len(make_class(folder))} submissions in {folder}")
