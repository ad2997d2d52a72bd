# ruff: noqa: E501 -- cells of learners, who do not count columns
"""Answers of an unusual form: each must pass, or lose exactly the check whose form is wrong, with the reason said."""

from submissions.cases import ALL, POINTS, Cases, Notebook, answer, put_first, wrapped

HERE = Cases()
LOSS, WEIGHTS, REST = 3, 5, 2  # the points of 05.1a, b and c


def of_bptt(file: str, result: str, points: float = POINTS[1], says: str = "", before: str = "") -> None:
    """Declare a right bptt that returns `result`, made of its `loss` and `grads`."""
    HERE.answer(file, points, 1, wrapped(f"loss, grads = right(x, y, h0, params)\n{before}\nreturn {result}"), says)


def each(expression: str) -> str:
    return f"loss, {{k: {expression} for k, v in grads.items()}}"


of_bptt("lists for arrays.ipynb", "[float(loss), {k: v.tolist() for k, v in grads.items()}]")
of_bptt("tuples for arrays.ipynb", each("tuple(map(tuple, v)) if v.ndim == 2 else tuple(v)"))
of_bptt("not contiguous.ipynb", each("v[..., ::-1].copy()[..., ::-1]"))
of_bptt("Fortran order and read only.ipynb", each("(lambda a: (a.setflags(write=False), a)[1])(np.asfortranarray(v))"))
of_bptt("big endian.ipynb", "np.array(loss, '>f8'), {k: v.astype('>f4') for k, v in grads.items()}")
of_bptt("long double.ipynb", "np.longdouble(loss), {k: np.longdouble(v) for k, v in grads.items()}")
of_bptt("matrices.ipynb", each("np.matrix(v) if v.ndim == 2 else v"))
of_bptt("masked arrays.ipynb", each("np.ma.array(v)"))
of_bptt("views of larger arrays.ipynb", each("np.stack([v, v])[0]"))
of_bptt("the loss as an array without axes.ipynb", "np.array(loss), grads")
of_bptt("the loss with an axis.ipynb", "np.array([loss]), grads", POINTS[1] - LOSS, "loss has another shape")
of_bptt("the loss as Decimal.ipynb", "__import__('decimal').Decimal(float(loss)), grads", POINTS[1] - LOSS,
        "loss is no number and no array but Decimal")  # fmt: skip
of_bptt(
    "the bias with an axis.ipynb", "loss, {**grads, 'b': grads['b'][None]}", POINTS[1] - WEIGHTS, "b has another shape"
)
of_bptt("half precision.ipynb", each("v.astype(np.float16)"), 0, "float16, which keeps three digits only")
of_bptt("complex.ipynb", each("v + 0j"), 0, "take its .real")
of_bptt("a None among them.ipynb", "loss, {**grads, 'h0': None}", POINTS[1] - REST, "h0 is no number and no array")
of_bptt("gradients left out.ipynb", "loss, {k: v for k, v in grads.items() if k != 'x'}", POINTS[1] - REST, "lack x")
of_bptt("gradients first.ipynb", "grads, loss", 0, "must return its gradients in a dict")
of_bptt("gradients alone.ipynb", "grads", 0, "must return the pair (loss, grads), got dict")
of_bptt("nothing returned.ipynb", "None", 0, "is a return missing?")
of_bptt("printed, not returned.ipynb", "print(loss, grads)", 0, "is a return missing?")
of_bptt("an iterator.ipynb", "iter((loss, grads))", 0, "must return the pair (loss, grads), got tuple_iterator")
of_bptt("more entries than asked for.ipynb", "loss, {**grads, 'h': h0, 1: None, 'huge': np.broadcast_to(0., (10**9,))}")
of_bptt("ordered dict.ipynb", "collections.namedtuple('R', 'loss grads')(loss, collections.OrderedDict(reversed(grads.items())))",
        before="import collections")  # fmt: skip
of_bptt(
    "user dict.ipynb", "loss, types.MappingProxyType(collections.UserDict(grads))", before="import collections, types"
)
of_bptt("last digits.ipynb", "loss * (1 + 1e-6), {k: v * (1 - 1e-6) + 1e-9 for k, v in grads.items()}")
of_bptt("torch tensors.ipynb", "torch.tensor(loss), {k: torch.tensor(v, requires_grad=True).T.T if v.ndim == 2 else torch.tensor(v) for k, v in grads.items()}",
        before="import torch")  # fmt: skip
of_bptt(
    "like pandas.ipynb", each("Frame(v)"),
    before="class Frame:\n    def __init__(self, v): self.values = v\n"
    "    def __array__(self, dtype=None, copy=None): return np.array(self.values, dtype)\n"
    "    def __repr__(self): return 'a table'",
)  # fmt: skip
of_bptt("changes what it was given.ipynb", each("v"), before="x[:] = y[:] = h0[:] = 0\nparams.clear()")

_FLOAT32 = (
    "f = np.float32\nloss, grads = right(f(x), y, f(h0), {k: f(v) for k, v in params.items()})\n"
    "return f(loss), {k: f(v) for k, v in grads.items()}"
)
HERE.answer("float32.ipynb", POINTS[1], 1, wrapped(_FLOAT32))
HERE.answer(
    "torch from end to end.ipynb", POINTS[1], 1,
    """import torch


def bptt(x, y, h0, params):
    x, y, h0 = map(torch.from_numpy, (x, y, h0))
    p = {name: torch.from_numpy(w) for name, w in params.items()}
    h = [h0]
    for x_t in x:
        h.append(torch.tanh(x_t @ p["W_x"] + h[-1] @ p["W_h"] + p["b"]))
    h = torch.stack(h)
    o = h[1:] @ p["W_y"] + p["b_y"]
    do = (torch.softmax(o, -1) - torch.nn.functional.one_hot(y, o.shape[-1])) / y.numel()
    loss = torch.nn.functional.cross_entropy(o.flatten(0, 1), y.flatten())
    dz, carried = torch.zeros_like(h[1:]), torch.zeros_like(h0)
    for t in reversed(range(len(x))):
        dz[t] = (do[t] @ p["W_y"].T + carried) * (1 - h[t + 1] ** 2)
        carried = dz[t] @ p["W_h"].T
    return loss, {
        "W_x": torch.einsum("tbi,tbh->ih", x, dz), "W_h": torch.einsum("tbi,tbh->ih", h[:-1], dz), "b": dz.sum((0, 1)),
        "W_y": torch.einsum("tbi,tbh->ih", h[1:], do), "b_y": do.sum((0, 1)), "x": dz @ p["W_x"].T, "h0": carried,
    }""",
)  # fmt: skip


@HERE.notebook("not plain functions.ipynb", ALL)
def _(made: Notebook) -> None:
    answer(made, 1).source += "\n\nimport functools\nbptt = functools.partial(lambda f, *a: f(*a), bptt)"
    answer(made, 2).source += (
        "\n\nclass Finder:\n    def __init__(self, f): self.f = f\n"
        "    def __call__(self, problem, wrong): return np.str_(self.f(problem, wrong))\nname_the_bug = Finder(name_the_bug)"
    )
    answer(made, 3).source += "\n\ntruncated_bptt = (lambda f: lambda *a, **k: f(*a, **k))(truncated_bptt)"
    answer(made, 4).source += "\n\nclass Way:\n    run = staticmethod(checkpointed_bptt)\ncheckpointed_bptt = Way().run"
    answer(
        made, 5
    ).source += "\n\nteacher_forced_loss = np.frompyfunc(teacher_forced_loss, 3, 2) and teacher_forced_loss"


@HERE.notebook("another error class and other arguments.ipynb", ALL)
def _(made: Notebook) -> None:
    answer(made, 3).source = "class WindowError(ValueError):\n    pass\n\n\n" + answer(made, 3).source.replace(
        "raise ValueError", "raise WindowError"
    )
    answer(made, 4).source = answer(made, 4).source.replace(
        "step(x[t], h)", "step(x=x[t].tolist(), h_prev=np.float32(h))"
    )
    answer(made, 4).source = answer(made, 4).source.replace(
        "grads | {", "{name: np.float32(g) for name, g in grads.items()} | {"
    )


@HERE.notebook("asserts instead of ValueError.ipynb", ALL - POINTS[3], says="outcome of")
def _(made: Notebook) -> None:
    answer(made, 3).source = (
        answer(made, 3).source.replace("if not 1 <=", "assert 1 <=").replace("<= T:\n", "<= T\n    if 0:\n")
    )


@HERE.notebook("parallel in other words.ipynb", ALL)
def _(made: Notebook) -> None:
    answer(made, 5).source = """def teacher_forced_loss(x, y, params):
    x, y = np.asarray(x), np.array(y, copy=True)
    W_x, W_r, b, W_y, b_y = (np.float32(params[k]) for k in ("W_x", "W_r", "b", "W_y", "b_y"))
    before = np.concatenate([np.zeros((1, y.shape[1], len(W_r))), (y[:-1, :, None] == np.arange(len(W_r))) * 1.0])
    h = np.tanh(np.einsum("tbi,ih->tbh", x, W_x) + np.tensordot(before, W_r, 1) + b)
    o = np.matmul(h, W_y) + b_y
    log_p = o - np.logaddexp.reduce(o, axis=-1, keepdims=True)
    T, B = y.shape
    return -log_p[np.arange(T)[:, None], np.arange(B), y].mean(), o.tolist()"""


@HERE.notebook("asks in the middle of checkpointing.ipynb", ALL)
def _(made: Notebook) -> None:  # the only answer whose cell may ask a question: what comes back is none of its business
    answer(made, 4).source += "\n\n" + wrapped("input('which step? ')\nreturn right(*a)", "checkpointed_bptt", "*a")


@HERE.notebook("coroutine.ipynb", ALL - POINTS[1], says="got coroutine")
def _(made: Notebook) -> None:
    answer(made, 1).source = "async " + answer(made, 1).source


@HERE.notebook("names with capitals.ipynb", ALL - POINTS[2], says="case differs")
def _(made: Notebook) -> None:
    answer(made, 2).source += "\n\n" + wrapped("return right(*a).upper()", "name_the_bug", "*a")


@HERE.notebook("a number for a name.ipynb", ALL - POINTS[2], says="must return one of BUGS, got 0")
def _(made: Notebook) -> None:
    answer(made, 2).source += "\n\ndef name_the_bug(problem, wrong):\n    return 0"


@HERE.notebook("results kept between calls.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(made, "import functools\nkept = []")
    answer(made, 1).source += "\n\n" + wrapped("kept.append(right(*a))\nreturn kept[-1]", "bptt", "*a")
