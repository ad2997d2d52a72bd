# ruff: noqa: E501 -- cells of learners, who do not count columns
"""Attacks on the checks and on what the library holds back: none may gain a point."""

from __future__ import annotations

import functools

from submissions.cases import POINTS, Cases, Notebook, code, fresh_id, info, is_check, put_after, put_first

HERE = Cases()
attack = functools.partial(HERE.answer, solved=())  # no right answer may stand where an attack fails

# ------------------------------------------------------------------ the check cells


@HERE.notebook("checks edited to pass.ipynb", 0, solved=(), says="were edited, the originals ran")
def _(made: Notebook) -> None:
    for cell in filter(is_check, made.cells):
        cell.source = "print('✓ all points')"
        cell.metadata["nbgrader"]["points"] = 100


@HERE.notebook("checks deleted.ipynb", 0, solved=(), says="were missing, they were put back")
def _(made: Notebook) -> None:
    made.cells = [cell for cell in made.cells if not is_check(cell)]


@HERE.notebook("all checks are the first.ipynb", POINTS[1], solved=(1,), says="were edited, the originals ran")
def _(made: Notebook) -> None:
    for cell in filter(is_check, made.cells):
        cell.source = 'check("05.1a", bptt)'


@HERE.notebook("one check many times.ipynb", POINTS[1], solved=(1,), says="locked cells have copies")
def _(made: Notebook) -> None:
    for cell in [cell for cell in made.cells if info(cell).get("grade_id") == "check-05-1a"] * 20:
        copy = code(cell.source)
        copy.metadata, copy["id"] = cell.metadata, fresh_id()
        made.cells.append(copy)


@HERE.notebook("points and ids changed.ipynb", 10, solved=(1,))
def _(made: Notebook) -> None:
    for number, cell in enumerate(filter(is_check, made.cells)):
        cell.metadata["nbgrader"] |= {
            "points": 10**9,
            "grade_id": "check-05-1a" if number else "__proto__",
            "grade": 1e999,
        }
    put_first(made, "pass")
    made.cells[2].metadata["nbgrader"] = {"grade_id": ["check-05-1b"], "solution": True, "locked": "no", "points": -1}


@HERE.notebook("own code as a locked cell.ipynb", 0, solved=(), says="were edited, the originals ran")
def _(made: Notebook) -> None:
    for cell in made.cells:
        if cell.cell_type == "code" and info(cell).get("locked"):
            cell.source = "import rnnkit.check\nrnnkit.check.emit = check = lambda *a, **k: None"


HERE.first_cell(
    "patched assert and numpy.testing.ipynb", 0,
    "import builtins, numpy, types\nbuiltins.AssertionError = ValueError\nnumpy.allclose = lambda *a, **k: True\n"
    "numpy.testing.assert_allclose = numpy.testing.assert_equal = lambda *a, **k: None\n"
    "bring, fake = builtins.__import__, types.SimpleNamespace(emit=lambda *a: None, check=lambda *a: None)\n"
    "builtins.__import__ = lambda name, *a, **k: fake if name.startswith('rnnkit') else bring(name, *a, **k)\n"
    "builtins.isinstance = builtins.callable = lambda *a: True\nbuiltins.print = builtins.len = lambda *a, **k: 0",
)  # fmt: skip
HERE.first_cell(
    "patched rnnkit.check.ipynb", 0,
    "import rnnkit.check as c, rnnkit.check.values as v, rnnkit.check.probing as p, rnnkit.check.feedback as f\n"
    "from IPython.display import publish_display_data\n"
    "def emit(exercise, answer, seed, given=None, ask=None):\n"
    "    publish_display_data({v.MIME: {'id': exercise, 'seed': str(seed), 'values': {}, 'passed': True, 'points': 100}})\n"
    "c.emit = c.check = emit\nv.compare = p.judged_values = f.diagnose = lambda *a, **k: None",
)  # fmt: skip
HERE.first_cell(
    "emits what was stored for the public seeds.ipynb", 0,
    "import json, pathlib, rnnkit.check as c\nfrom IPython.display import publish_display_data as show\n"
    "golden = json.loads(next(pathlib.Path(c.__file__).parent.glob('golden/05*')).read_text())\n"
    "def emit(exercise, answer, seed, given=None, ask=None):\n"
    "    stored = golden[exercise]\n    values = next(iter(stored.values()))['expected']\n"
    "    show({c.MIME: {'id': exercise, 'seed': str(seed), 'values': values}})\nc.emit = emit",
)  # fmt: skip
HERE.first_cell(
    "predictable inputs.ipynb", 0,
    "import json, pathlib, rnnkit.check as c\nfrom rnnkit.check.values import decode\n_draw = np.random.default_rng\n"
    "np.random.default_rng = lambda *a: _draw([0, *a[0][1:]]) if a and isinstance(a[0], list) else _draw(*a)\n"
    "golden = json.loads(next(pathlib.Path(c.__file__).parent.glob('golden/05*')).read_text())\n"
    "def bptt(*a):\n    v = {}\n    for part in 'abc': v |= decode(golden['05.1' + part]['0']['expected'])\n"
    "    return v.pop('loss'), v",
)  # fmt: skip
HERE.first_cell(
    "swapped rnnkit.ipynb", 0,
    "import sys, types\nfake = types.ModuleType('rnnkit')\nfake.emit = fake.check = lambda *a, **k: True\n"
    "for name in [n for n in sys.modules if n.startswith('rnnkit')]: sys.modules[name] = fake",
)  # fmt: skip

# ------------------------------------------------------------------ IPython

HERE.first_cell(
    "patched IPython.ipynb", 0,
    "import ast, sys\nshell = get_ipython()\n"
    "class Fair(ast.NodeTransformer):\n    def visit_Call(self, node): return ast.Constant(value=1)\n"
    "shell.ast_transformers.append(Fair())\n"
    "shell.input_transformers_cleanup.append(lambda lines: ['print(\"passed\")\\n'])\n"
    "shell.showtraceback = shell.showsyntaxerror = lambda *a, **k: None\n"
    "shell.display_pub.publish = lambda *a, **k: None\nsys.displayhook = sys.excepthook = print\n"
    "shell.events.register('post_run_cell', lambda *a: None)",
)  # fmt: skip
HERE.first_cell(
    "another run_cell.ipynb", 0,
    "shell, mime = get_ipython(), 'application/vnd.rnnkit.values+json'\nsync, anew = shell.run_cell, shell.run_cell_async\n"
    "def source(raw):\n    if '__emit(' not in raw: return raw\n    what, _, seed, *_ = raw.partition('__emit(')[2].split(', ')\n"
    "    return (f'from IPython.display import publish_display_data\\n'\n"
    "            f'publish_display_data({{mime: {{\"id\": {what}, \"seed\": str({seed}), \"values\": {{}}}}}})')\n"
    "shell.run_cell = lambda raw, *a, **k: sync(source(raw), *a, **k)\n"
    "shell.run_cell_async = lambda raw, *a, **k: anew(source(raw), *a, **k)\nshell.should_run_async = lambda *a, **k: True",
)  # fmt: skip
HERE.notebook("no run_cell at the end.ipynb", 0, says="sent no reply", solved=())(
    lambda made: put_after(made, "answer-05-5", "get_ipython().run_cell = get_ipython().run_cell_async = None")
)
HERE.first_cell(
    "traced.ipynb", 0,
    "import sys, threading\ndef trace(frame, event, argument):\n    if 'expected' in frame.f_locals:\n"
    "        frame.f_locals['got'] = frame.f_locals['expected']\n"
    "sys.settrace(trace)\nsys.setprofile(trace)\nthreading.settrace(trace)\nsys.addaudithook(lambda *a: None)",
)  # fmt: skip
HERE.first_cell(
    "always equal.ipynb", 0,
    "class Equal(float):\n    def __eq__(self, other): return True\n    __ne__ = __lt__ = __gt__ = lambda *a: False\n"
    "    __le__ = __ge__ = __eq__\n    __hash__ = float.__hash__\n    __sub__ = __rsub__ = lambda *a: 0.0\n\n\n"
    "class Lying(np.ndarray):\n    def __array__(self, *a, **k): return np.ndarray.__array__(self.base)\n"
    "    def __array_function__(self, *a, **k): return True\n    def __array_ufunc__(self, *a, **k): return np.True_\n"
    "    def tobytes(self, *a): return b''\n    shape = property(lambda self: Equal(0))\n\n\n"
    "bptt = lambda x, y, h0, p: (Equal(0), {k: np.zeros_like(v).view(Lying) for k, v in {**p, 'x': x, 'h0': h0}.items()})\n"
    "name_the_bug = lambda *a: type('Name', (str,), {'__eq__': lambda *a: True, '__hash__': str.__hash__})('ascent')",
)  # fmt: skip


@HERE.notebook("always equal answers.ipynb", 0, solved=())
def _(made: Notebook) -> None:
    put_after(
        made, "answer-05-2",
        "class Name(str):\n    def __eq__(self, other): return True\n    __hash__ = str.__hash__\n"
        "    def index(self, *a): return 0\nname_the_bug = lambda *a: Name('ascent')",
    )  # fmt: skip
    put_after(
        made, "answer-05-3", "truncated_bptt = lambda *a: __import__('collections').defaultdict(lambda: np.zeros(()))"
    )
    put_after(made, "answer-05-5", "teacher_forced_loss = lambda x, y, p: (np.bool_(True), np.True_)")


# ------------------------------------------------------------------ what the library holds back

attack(
    "borrows the library's answer.ipynb", 0, 1,
    "def bptt(x, y, h0, params):\n    from rnnkit.check import exercise\n    import importlib\n"
    "    module, _, name = exercise('05.1a').withheld[0].rpartition('.')\n"
    "    return getattr(importlib.import_module(module), name)(x, y, h0, params)",
    says="is what this exercise asks you to write",
)  # fmt: skip

_CELL = """from rnnkit.cells import Readout, VanillaRNN
from rnnkit.losses import softmax_cross_entropy


def pieces(x, y, h0, params):
    h, p = forward(x, h0, params)
    loss, do = softmax_cross_entropy(h[1:] @ params["W_y"] + params["b_y"], y)
    return VanillaRNN(params["W_x"], params["W_h"], params["b"]), h, loss, do, do @ params["W_y"].T


def readout(h, do):
    return {"W_y": np.einsum("tbh,tbv->hv", h[1:], do), "b_y": do.sum((0, 1))}


"""
_ROADS = {  # each ends in a call that knows the way back; the readout is the learner's own, so that this alone counts
    "bptt": "import rnnkit.unroll as u\ng = u.bptt(cell, x, h, dh)\nfound = g.parameters, g.x, g.h0",
    "run": "from rnnkit.run import run\ng = run(cell, x, h0).backward(dh)\nfound = g.parameters, g.x, g.h0",
    "fast kernels": "from rnnkit.kernels.trace import Trace\n"
    "dx, dh0, g = Trace(cell, x, h0, None, True, 1).backward(dh)\nfound = g, dx, dh0",
    "an engine": "from rnnkit.kernels.vanilla import VanillaEngine\nT, B, H = dh.shape\n"
    "e = VanillaEngine(cell, x, h.copy(), np.empty((T + 1, B, 0)), np.empty((T, 0, B, H)), None)\n"
    "e.forward()\ndx, carried = np.empty_like(x), np.zeros_like(h0)\ng = e.backward(dh, carried, dx)\nfound = g, dx, carried",
    "a layer": "from rnnkit.layers import Recurrent\ng = Recurrent(cell).forward(x, h0=h0).backward(dh)\n"
    "found = {k.split('.')[-1]: v for k, v in g.parameters.items()}, g.x, g.h0",
    "a stack": "from rnnkit.layers import StackedCell\nimport rnnkit.unroll as u\ns = StackedCell([cell])\n"
    "g = u.bptt(s, x, h, dh)\nfound = {k.split('.')[-1]: v for k, v in g.parameters.items()}, g.x, g.h0",
    "checkpoints": "import rnnkit.unroll as u\ng = u.checkpointed_bptt(cell, x, lambda t, h: dh[t:t + len(h)], h0)\n"
    "found = g.parameters, g.x, g.h0",
    "no truncation": "import rnnkit.unroll as u\ng = u.truncated_bptt(cell, x, h, dh, len(x), len(x))\n"
    "found = g.parameters, g.x, g.h0",
    "a reload": "import importlib, rnnkit.cells.vanilla, rnnkit.unroll.backward as b\nimportlib.reload(rnnkit.cells.vanilla)\n"
    "importlib.reload(b)\ncell = rnnkit.cells.vanilla.VanillaRNN(params['W_x'], params['W_h'], params['b'])\n"
    "g = b.bptt(cell, x, h, dh)\nfound = g.parameters, g.x, g.h0",
    "small differences": "from rnnkit.gradients import central_difference\nfound = {}, None, None\n"
    "central_difference(lambda: 0.0, {'W_x': params['W_x']})",
}  # fmt: skip
for _road, _source in _ROADS.items():
    _indented = "\n".join(f"    {line}" for line in _source.splitlines())
    attack(
        f"borrows the way back from {_road}.ipynb", 0, 1,
        _CELL + "def bptt(x, y, h0, params):\n    cell, h, loss, do, dh = pieces(x, y, h0, params)\n" + _indented
        + "\n    g, dx, dh0 = found\n    return loss, {**g, **readout(h, do), 'x': dx, 'h0': dh0}",
    )  # fmt: skip

_LEAVES = """import torch
bptt_by = {}


def bptt(x, y, h0, params):
    leaf = {k: torch.tensor(v, requires_grad=True) for k, v in {**params, "x": x, "h0": h0}.items()}
    h, losses = leaf["h0"], []
    for t in range(len(x)):
        h = torch.tanh(leaf["x"][t] @ leaf["W_x"] + h @ leaf["W_h"] + leaf["b"])
        losses.append(torch.nn.functional.cross_entropy(h @ leaf["W_y"] + leaf["b_y"], torch.tensor(y[t])))
    loss = torch.stack(losses).mean()
    return loss, dict(zip(leaf, back(loss, tuple(leaf.values()))))


"""
_ENGINES = {
    "backward": "def back(loss, leaves):\n    loss.backward()\n    return [leaf.grad for leaf in leaves]",
    "grad": "back = torch.autograd.grad",
    "a reloaded module": "import importlib\nimportlib.reload(torch.autograd)\n\n\ndef back(*a):\n    return torch.autograd.grad(*a)",
    "its engine": "def back(loss, leaves):\n    return torch.autograd.Variable._execution_engine.run_backward(\n"
    "        (loss,), (torch.ones_like(loss),), False, False, leaves, allow_unreachable=True, accumulate_grad=False)",
    "its graph": "def back(loss, leaves):\n    return torch.autograd.graph._engine_run_backward(\n"
    "        (loss,), (torch.ones_like(loss),), False, False, leaves, allow_unreachable=True, accumulate_grad=False)",
    "a new engine": "def back(loss, leaves):\n    return torch._C._ImperativeEngine().run_backward(\n"
    "        (loss,), (torch.ones_like(loss),), False, False, leaves, allow_unreachable=True, accumulate_grad=False)",
    "an operator": "def back(loss, leaves):\n    torch.ops.aten._backward(loss, leaves)\n    return [leaf.grad for leaf in leaves]",
    "functional": "def back(loss, leaves):\n    raise NotImplementedError\n\n\nimport torch.autograd.functional as F\n"
    "_old = bptt\n\n\ndef bptt(x, y, h0, params):\n    return F.vjp(lambda v: (v ** 2).sum(), torch.ones(3))",
}  # fmt: skip
for _name, _source in _ENGINES.items():
    attack(f"torch differentiates by {_name}.ipynb", 0, 1, _LEAVES + _source)
attack(
    "torch differentiates forwards.ipynb", 0, 1,
    """import torch


def bptt(x, y, h0, params):
    arrays, grads = {k: torch.tensor(v) for k, v in {**params, "x": x, "h0": h0}.items()}, {}
    def loss(a):
        h, losses = a["h0"], []
        for t in range(len(x)):
            h = torch.tanh(a["x"][t] @ a["W_x"] + h @ a["W_h"] + a["b"])
            losses.append(torch.nn.functional.cross_entropy(h @ a["W_y"] + a["b_y"], torch.tensor(y[t])))
        return torch.stack(losses).mean()
    for name, array in arrays.items():
        grads[name] = torch.zeros_like(array)
        if name not in ("W_y", "b_y"): continue
        for index in np.ndindex(tuple(array.shape)):
            one = torch.zeros_like(array)
            one[index] = 1
            level = torch._C._enter_dual_level()
            dual = torch._VF._make_dual(array, one, level=level)
            grads[name][index] = torch._VF._unpack_dual(loss({**arrays, name: dual}), level=level).tangent
            torch._C._exit_dual_level(level=level)
    return loss(arrays), grads""",
)  # fmt: skip
attack(
    "borrows the loss of the library's network.ipynb", 0, 5,
    "def teacher_forced_loss(x, y, params):\n    from rnnkit.forcing import OutputRNN, shifted\n"
    "    net = OutputRNN(**params)\n    before = shifted(np.eye(len(params['b_y']))[y], np.zeros((y.shape[1], len(params['b_y']))))\n"
    "    return net.loss_and_gradients(x, before, y)[0], net.logits(x, before)",
)  # fmt: skip
attack(
    "borrows truncation.ipynb", 0, 3,
    _CELL + "def truncated_bptt(x, y, h0, params, k1, k2):\n    import rnnkit.unroll.shortened as s\n"
    "    cell, h, loss, do, dh = pieces(x, y, h0, params)\n"
    "    return {**s.truncated_bptt(cell, x, h, dh, k1, k2).parameters, **readout(h, do)}",
    says="is what this exercise asks you to write",
)  # fmt: skip
attack(
    "guesses the given from the seed.ipynb", 0, 2,
    "import inspect\n\n\ndef name_the_bug(problem, wrong):\n    frame = inspect.currentframe()\n"
    "    while 'seed' not in frame.f_locals:\n        frame = frame.f_back\n"
    "    rng = np.random.default_rng([frame.f_locals['seed'], *b'05.2'])\n"
    "    order = rng.permutation([*BUGS, *rng.choice(BUGS, 2)])\n"
    "    calls.append(1)\n    return str(order[len(calls) - 1])\n\n\ncalls = []",
)  # fmt: skip


_OTHER_BACKWARDS = {
    "aten's grad": "def back(loss, leaves):\n    return torch.ops.aten.grad([loss], list(leaves))",
    "aten's backward": "def back(loss, leaves):\n    torch.ops.aten.backward(loss)\n    return [leaf.grad for leaf in leaves]",
    "TorchScript": "def back(loss, leaves):\n    torch.jit.CompilationUnit('def g(y: Tensor):\\n    y.backward()\\n').g(loss)\n    return [leaf.grad for leaf in leaves]",
}
for _name, _source in _OTHER_BACKWARDS.items():
    attack(f"torch differentiates by {_name}.ipynb", 0, 1, _LEAVES + _source)
attack(
    "borrows the way back from a tree.ipynb", 0, 1,
    _CELL + """def bptt(x, y, h0, params):
    from rnnkit.trees import MatrixComposition
    cell, h, loss, do, dh = pieces(x, y, h0, params)
    T, B, I = x.shape
    H = h0.shape[1]
    W = np.zeros((2 * H, H))
    W[:I], W[H:] = params["W_x"], params["W_h"]
    tree, carried, total, dx = MatrixComposition(W, params["b"]), np.zeros_like(h0), {"W": 0, "b": 0}, np.empty_like(x)
    for t in reversed(range(T)):
        children = np.concatenate([x[t], np.zeros((B, H - I)), h[t]], 1)
        dc, dz = tree.compose_backward(dh[t] + carried, children, h[t + 1])
        total = {name: total[name] + g for name, g in tree.gradients(dz, children).items()}
        dx[t], carried = dc[:, :I], dc[:, H:]
    return loss, {"W_x": total["W"][:I], "W_h": total["W"][H:], "b": total["b"], **readout(h, do), "x": dx, "h0": carried}""",
)  # fmt: skip
