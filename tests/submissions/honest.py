"""Honest work: right, wrong, unfinished; points for what is right."""

from submissions.cases import ALL, POINTS, Cases, Notebook, answer, wrapped

HERE = Cases()


@HERE.notebook("full marks.ipynb", ALL)
def _(made: Notebook) -> None: ...


@HERE.notebook("untouched.ipynb", 0, solved=(), says="not written yet")
def _(made: Notebook) -> None: ...


@HERE.notebook("first answer only.ipynb", POINTS[1], solved=(1,))
def _(made: Notebook) -> None: ...


@HERE.notebook("all but the first answer.ipynb", ALL - POINTS[1], solved=(2, 3, 4, 5))
def _(made: Notebook) -> None: ...


@HERE.notebook("broken answer cell.ipynb", ALL - POINTS[3], says="SyntaxError")
def _(made: Notebook) -> None:
    answer(made, 3).source = "def truncated_bptt(x, y, h0, params, k1, k2:\n    return {}\n"


HERE.answer(
    "one answer raises.ipynb", ALL - POINTS[5], 5, "def teacher_forced_loss(x, y, params):\n    return 1 / 0",
    says="raised ZeroDivisionError", solved=POINTS,
)  # fmt: skip
HERE.answer(
    "recurrent gradients wrong.ipynb", 3, 1,
    wrapped("loss, grads = right(x, y, h0, params)\n"
            "return loss, {k: v if k in ('W_y', 'b_y') else 2 * v for k, v in grads.items()}"),
    says="W_h differs",
)  # fmt: skip
HERE.answer(
    "right in the small, nothing in the large.ipynb", 0, 5,
    wrapped("return (0.0, 0.0) if len(x) != 5 else right(x, y, params)", "teacher_forced_loss", "x, y, params"),
    says="loss, T=3 differs",
)  # fmt: skip
HERE.answer(
    "checkpoints in the small only.ipynb", 0, 4,
    wrapped("return None if len(x) > 50 else right(step, back, x, upstream, h0, every)", "checkpointed_bptt",
            "step, back, x, upstream, h0, every"),
    says="must return its gradients in a dict",
)  # fmt: skip
HERE.answer(
    "windows that are allowed are refused.ipynb", 0, 3,
    wrapped("if k1 == k2: raise ValueError('too wide')\nreturn right(x, y, h0, params, k1, k2)", "truncated_bptt",
            "x, y, h0, params, k1, k2"),
    says="raised ValueError: too wide",
)  # fmt: skip
HERE.answer(
    "windows that are forbidden are taken.ipynb", 0, 3,
    wrapped("return right(x, y, h0, params, max(1, min(k1, k2, len(x))), max(1, min(k2, len(x))))", "truncated_bptt",
            "x, y, h0, params, k1, k2"),
    says="outcome of",
)  # fmt: skip
HERE.answer(
    "keeps all states.ipynb", 0, 4,
    """def checkpointed_bptt(step, step_backward, x, upstream, h0, every):
    states = [h0]
    for x_t in x:
        states.append(step(x_t, states[-1]))
    grads, carried = {}, np.zeros_like(h0)
    for t in reversed(range(len(x))):
        carried, shares = step_backward(upstream(t, states[t + 1]) + carried, x[t], states[t], states[t + 1])
        for name, share in shares.items():
            grads[name] = grads.get(name, 0) + share
    return grads | {"h0": carried}""",
    says="runs again from step differs",
)  # fmt: skip

_LOOP = """def teacher_forced_loss(x, y, params):
    V, losses, logits = len(params["b_y"]), [], []
    previous = np.zeros((y.shape[1], V))
    for t in range(len(x)):
        h = np.tanh(x[t] @ params["W_x"] + previous @ params["W_r"] + params["b"])
        o = h @ params["W_y"] + params["b_y"]
        p = np.exp(o) / np.exp(o).sum(-1, keepdims=True)
        previous = np.eye(V)[y[t]]
        losses.append(-np.log((p * previous).sum(-1)))
        logits.append(o)
    return np.mean(losses), np.array(logits)"""
HERE.answer(
    "step by step where all at once was asked.ipynb", POINTS[5], 5, _LOOP
)  # the values are right; that a loop is slow is advice, not a verdict
HERE.answer(
    "gradients by small differences.ipynb", POINTS[1], 1,  # slow and their own: what counts is the numbers
    """def bptt(x, y, h0, params):
    arrays = {**{name: w.copy() for name, w in params.items()}, "x": x.copy(), "h0": h0.copy()}

    def loss():
        h, p = forward(arrays["x"], arrays["h0"], arrays)
        return -np.log(np.take_along_axis(p, y[..., None], -1)).mean()

    grads = {name: np.zeros_like(a) for name, a in arrays.items()}
    for name, a in arrays.items():
        for i in np.ndindex(a.shape):
            kept = a[i]
            a[i] = kept + 1e-5
            up = loss()
            a[i] = kept - 1e-5
            grads[name][i] = (up - loss()) / 2e-5
            a[i] = kept
    return loss(), grads""",
)  # fmt: skip
