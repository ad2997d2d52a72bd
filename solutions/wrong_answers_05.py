"""Known wrong answers to the exercises of notebook 05, each the reference with one line changed.

The name of a mutant is what the learner reads after *your numbers are exactly what one gets when*.
"""

from __future__ import annotations

import numpy as np

from rnnkit.check.ex05_bptt import BUGS, GRADIENTS, draw_problem
from rnnkit.grade.master import Master, Mutant

WRONG_ANSWERS: dict[str, tuple[Mutant, ...]] = {
    "bptt": (
        Mutant(
            "the loss is summed, not averaged",
            "-np.log((p * truth).sum(-1)).mean()",
            "-np.log((p * truth).sum(-1)).sum()",
        ),
        Mutant(
            "the gradients are those of the sum of all losses, not of their mean", "(p - truth) / (T * B)", "p - truth"
        ),
        Mutant(
            "the gradients are averaged over time but not over the batch", "(p - truth) / (T * B)", "(p - truth) / T"
        ),
        Mutant(
            "1_y − p is used instead of p − 1_y (the ascent direction)",
            "(p - truth) / (T * B)",
            "(truth - p) / (T * B)",
        ),
        Mutant("1_y is left out of p − 1_y", "(p - truth) / (T * B)", "p / (T * B)"),
        Mutant(
            "the readout is multiplied by h_{t−1} instead of h_t (off by one step)",
            'grads["W_y"] += h[t + 1].T',
            'grads["W_y"] += h[t].T',
        ),
        Mutant("the gradient of b_y is averaged over the batch, not summed", "do[t].sum(axis=0)", "do[t].mean(axis=0)"),
        Mutant("the factor 1 − h² is missing", "dz = dh * (1 - h[t + 1] ** 2)", "dz = dh"),
        Mutant("the factor 1 − h² takes h_{t−1} instead of h_t", "(1 - h[t + 1] ** 2)", "(1 - h[t] ** 2)"),
        Mutant("W_h is used transposed", "dz @ W_h.T", "dz @ W_h"),
        Mutant("the gradient that comes back from step t+1 is forgotten", "W_y.T + carried", "W_y.T"),
        Mutant(
            "the gradient from step t+1 is added only after the factor 1 − h²",
            "        dh = do[t] @ W_y.T + carried             # ∂L/∂h_t = ∂L/∂o_t W_yᵀ + ∂L/∂z_{t+1} W_hᵀ\n"
            "        dz = dh * (1 - h[t + 1] ** 2)            #",
            "        dh = do[t] @ W_y.T\n        dz = dh * (1 - h[t + 1] ** 2) + carried  #",
        ),
        Mutant(
            "h_t stands where h_{t−1} should (off by one step)", 'grads["W_h"] += h[t].T', 'grads["W_h"] += h[t + 1].T'
        ),
        Mutant(
            "gradients are overwritten at each step instead of added",
            'grads["W_x"] += x[t].T @ dz              # ∂L/∂W_x = Σ_t x_tᵀ ∂L/∂z_t\n'
            '        grads["W_h"] += h[t].T @ dz              # ∂L/∂W_h = Σ_t h_{t−1}ᵀ ∂L/∂z_t\n'
            '        grads["b"] += dz.sum(axis=0)',
            'grads["W_x"] = x[t].T @ dz\n        grads["W_h"] = h[t].T @ dz\n        grads["b"] = dz.sum(axis=0)',
        ),
        Mutant("the gradient of b is averaged over the batch, not summed", "dz.sum(axis=0)", "dz.mean(axis=0)"),
        Mutant(
            "the gradients of the inputs stand in the order of the backward pass, last step first",
            'grads["x"][t] =',
            'grads["x"][T - 1 - t] =',
        ),
        Mutant("the factor 1 − h² is written (1 − h)²", "(1 - h[t + 1] ** 2)", "(1 - h[t + 1]) ** 2"),
        Mutant(
            "the factor is 1 − tanh²(h_t); h_t is a tanh already", "(1 - h[t + 1] ** 2)", "(1 - np.tanh(h[t + 1]) ** 2)"
        ),
        Mutant("the gradient of W_h is transposed", "h[t].T @ dz ", "dz.T @ h[t] "),
        Mutant("the inputs get theirs from ∂L/∂h_t instead of ∂L/∂z_t", "= dz @ W_x.T", "= dh @ W_x.T"),
        Mutant("∂L/∂h_t is carried back instead of ∂L/∂z_t", "carried = dz @ W_h.T", "carried = dh @ W_h.T"),
        Mutant("the loop never reaches the first step", "in reversed(range(T))", "in reversed(range(1, T))"),
        Mutant("h_0 gets the gradient of h_1 (one step short)", 'grads["h0"] = carried', 'grads["h0"] = dh'),
        Mutant("h_0 gets the gradient of z_1, not yet multiplied by W_hᵀ", 'grads["h0"] = carried', 'grads["h0"] = dz'),
    ),
    "name_the_bug": (
        Mutant("one gradient that agrees is taken for enough", "if all(np.allclose", "if any(np.allclose"),
        Mutant("only the gradients of x and h0 are compared", "for name in wrong)", 'for name in ("x", "h0"))'),
        Mutant(
            "gradients are compared with so much tolerance that the first name always fits",
            "np.allclose(wrong[name], mine[name])",
            "np.allclose(wrong[name], mine[name], atol=10)",
        ),
        Mutant(
            "the name after the right one is returned (off by one)",
            "return bug\n",
            "return (BUGS + BUGS)[BUGS.index(bug) + 1]\n",
        ),
        Mutant(
            "the name before the right one is returned (off by one)",
            "return bug\n",
            "return BUGS[BUGS.index(bug) - 1]\n",
        ),
        Mutant(
            "none of your own wrong versions fits, perhaps because they forget that the loss is a mean",
            "do = (p - np.eye(V)[y]) / (T * B)",
            "do = p - np.eye(V)[y]",
        ),
        Mutant(
            "your own “late by one” makes another mistake than theirs",
            'before = h[t + 1] if bug == "late by one"',
            'before = h[t - 1] if bug == "late by one"',
        ),
        Mutant(
            "your own “no slope” makes another mistake than theirs",
            'dh if bug == "no slope" else dh * (1 - h[t + 1] ** 2)',
            "dh * (1 - h[t + 1] ** 2)",
        ),
        Mutant(
            "your own “overwritten” makes another mistake than theirs",
            'grads |= {"W_x": 0, "W_h": 0, "b": 0}',
            'grads |= {"W_h": 0}',
        ),
        Mutant(
            "your own “transposed” makes another mistake than theirs",
            'carried = dz @ (params["W_h"] if bug == "transposed" else params["W_h"].T)',
            'carried = 0 * dz if bug == "transposed" else dz @ params["W_h"].T',
        ),
    ),
    "truncated_bptt": (
        Mutant(
            "each pass carries the losses of all the steps it visits (some are counted twice)",
            "if t >= first:",
            "if t >= 0:",
        ),
        Mutant("each pass carries the loss of its last step only", "if t >= first:", "if t == end - 1:"),
        Mutant(
            "the k2 steps are counted from the first of the losses, not from the last",
            "max(0, end - k2)",
            "max(0, first - k2)",
        ),
        Mutant("a pass goes back one step too far", "max(0, end - k2)", "max(0, end - k2 - 1)"),
        Mutant("a pass goes back one step too few", "max(0, end - k2)", "max(0, end - k2 + 1)"),
        Mutant("nothing is cut: every pass goes back to the first step", "max(0, end - k2)", "0"),
        Mutant("every pass goes back k1 steps", "max(0, end - k2)", "first"),
        Mutant("the steps left over at the end make no pass", "range(0, T, k1)", "range(0, T - k1 + 1, k1)"),
        Mutant("the gradients are those of the sum of all losses, not of their mean", "/ (T * B)", "/ 1"),
        Mutant("each pass takes the mean over its own k1 steps, not over all T", "/ (T * B)", "/ (k1 * B)"),
        Mutant(
            "the gradients of the last pass overwrite those of the others",
            "        carried = np.zeros_like(h0)\n",
            "        carried, grads = np.zeros_like(h0), {name: np.zeros_like(w) for name, w in params.items()}\n",
        ),
        Mutant(
            "the gradient carried at the end of one pass flows on into the next",
            "        carried = np.zeros_like(h0)\n",
            "        carried = carried if first else np.zeros_like(h0)\n",
        ),
        Mutant(
            "the k2 steps are counted back from each loss, not from the end of its pass",
            "for first in range(0, T, k1):                    # this pass carries the losses of steps first … end − 1\n"
            "        end = min(first + k1, T)\n",
            "for first in range(T):\n        end = first + 1\n",
        ),
        Mutant(
            "the hidden state is reset to h0 at the start of each window",
            "        carried = np.zeros_like(h0)\n",
            "        start, carried = max(0, end - k2), np.zeros_like(h0)\n"
            "        h[start : end + 1], p[start:end] = forward(x[start:end], h0, params)\n"
            "        do = (p - np.eye(V)[y]) / (T * B)\n",
        ),
        Mutant(
            "the hidden state is reset to zero at the start of each window but the first",
            "        carried = np.zeros_like(h0)\n",
            "        start, carried = max(0, end - k2), np.zeros_like(h0)\n"
            "        h[start : end + 1], p[start:end] = forward(x[start:end], h0 if start == 0 else 0 * h0, params)\n"
            "        do = (p - np.eye(V)[y]) / (T * B)\n",
        ),
        Mutant("k1 < 1 is not refused", "if not 1 <= k1 <= k2 <= T:", "if not k1 <= k2 <= T:"),
        Mutant("k1 > k2 is not refused", "if not 1 <= k1 <= k2 <= T:", "if not (1 <= k1 and k2 <= T):"),
        Mutant("k2 > T is not refused", "if not 1 <= k1 <= k2 <= T:", "if not 1 <= k1 <= k2:"),
        Mutant("k1 and k2 out of range are refused, but not with a ValueError", "raise ValueError", "raise IndexError"),
    ),
    "checkpointed_bptt": (
        Mutant(
            "the segments are taken first to last",
            "for start in reversed(kept):",
            "for start in kept:",
        ),
        Mutant(
            "every segment is run again from h0, not from the state that was kept",
            "states = [kept[start]]",
            "states = [h0]",
        ),
        Mutant(
            "what comes back from the later segments is forgotten at each border",
            "        end = min(start + every, T)\n",
            "        end, carried = min(start + every, T), np.zeros_like(h0)\n",
        ),
        Mutant(
            "upstream is asked with the place in the segment, not with t",
            "upstream(t, after)",
            "upstream(t - start, after)",
        ),
        Mutant("upstream is asked with h_{t−1}, not with h_t", "upstream(t, after)", "upstream(t, before)"),
        Mutant(
            "step_backward is given h_t in the place of h_{t−1}",
            "step_backward(dh, x[t], before, after)",
            "step_backward(dh, x[t], after, after)",
        ),
        Mutant(
            "the steps left over in the last segment are skipped",
            "end = min(start + every, T)",
            "end = start + every if start + every <= T else start",
        ),
        Mutant(
            "the gradients of each step overwrite those of the others",
            "grads[name] = grads.get(name, 0) + share",
            "grads[name] = share",
        ),
        Mutant(
            "every state is computed again from its checkpoint, in place of once for each segment",
            "            before, after = states[t - start], states[t - start + 1]\n",
            "            before = kept[start]\n"
            "            for s in range(start, t):\n"
            "                before = step(x[s], before)\n"
            "            after = step(x[t], before)\n",
        ),
        Mutant(
            "`every` is ignored, and a state kept every √T steps",
            "T, kept, h = len(x), {}, h0",
            "T, kept, h, every = len(x), {}, h0, int(len(x) ** 0.5)",
        ),
        Mutant(
            "no segment is run again, because no state was forgotten",
            "T, kept, h = len(x), {}, h0",
            "T, kept, h, seen, run = len(x), {}, h0, {}, step\n\n"
            "    def step(a, b):\n"
            "        key = a.tobytes()\n"
            "        if key not in seen:\n"
            "            seen[key] = run(a, b)\n"
            "        return seen[key]\n",
        ),
        Mutant(
            "all segments are run again before the way back begins",
            "    for start in reversed(kept):                         # backward: the last segment first\n"
            "        end = min(start + every, T)\n"
            "        states = [kept[start]]                           # states[t - start] is the state before x[t]\n"
            "        for t in range(start, end):\n"
            "            states.append(step(x[t], states[-1]))\n",
            "    again = {start: [kept[start]] for start in reversed(kept)}\n"
            "    for start, states in again.items():\n"
            "        for t in range(start, min(start + every, T)):\n"
            "            states.append(step(x[t], states[-1]))\n"
            "    for start, states in again.items():\n"
            "        end = min(start + every, T)\n",
        ),
        Mutant(
            "h0 gets the gradient of the first segment's last step", 'grads | {"h0": carried}', 'grads | {"h0": dh}'
        ),
    ),
    "teacher_forced_loss": (
        Mutant(
            "the true symbol of step t itself is fed: the answer stands in its own input",
            'previous[1:] = np.eye(len(params["b_y"]))[y[:-1]]',
            'previous[:] = np.eye(len(params["b_y"]))[y]',
        ),
        Mutant(
            "the symbol after step t is fed instead of the one before (shifted the wrong way)",
            'previous[1:] = np.eye(len(params["b_y"]))[y[:-1]]',
            'previous[:-1] = np.eye(len(params["b_y"]))[y[1:]]',
        ),
        Mutant(
            "the symbol of two steps ago is fed",
            'previous[1:] = np.eye(len(params["b_y"]))[y[:-1]]',
            'previous[2:] = np.eye(len(params["b_y"]))[y[:-2]]',
        ),
        Mutant(
            "the first step is fed the last symbol of the sequence (np.roll)",
            'previous[1:] = np.eye(len(params["b_y"]))[y[:-1]]',
            'previous[:] = np.roll(np.eye(len(params["b_y"]))[y], 1, axis=0)',
        ),
        Mutant(
            "the first step is fed symbol 0 instead of nothing",
            "previous[1:] = np.eye",
            "previous[0, :, 0] = 1\n    previous[1:] = np.eye",
        ),
        Mutant(
            "symbols are shifted over the batch instead of over time",
            'previous[1:] = np.eye(len(params["b_y"]))[y[:-1]]',
            'previous[:, 1:] = np.eye(len(params["b_y"]))[y[:, :-1]]',
        ),
        Mutant("nothing is fed back: the term with W_r is missing", ' + previous @ params["W_r"]', ""),
        Mutant("tanh is left out", "h = np.tanh(", "h = ("),
        Mutant("the bias b is left out", ' + params["b"])', ")"),
        Mutant("the bias b_y is left out", ' + params["b_y"]           #', "  #"),
        Mutant("the loss is summed, not averaged", "axis=-1).mean()", "axis=-1).sum()"),
        Mutant(
            "probabilities are returned in the place of logits", "return loss, logits", "return loss, np.exp(log_p)"
        ),
    ),
}

_MADE_BY: dict[str, str] = {
    "ascent": "1_y − p is used instead of p − 1_y (the ascent direction)",
    "no slope": "the factor 1 − h² is missing",
    "transposed": "W_h is used transposed",
    "no future": "the gradient that comes back from step t+1 is forgotten",
    "late by one": "h_t stands where h_{t−1} should (off by one step)",
    "overwritten": "gradients are overwritten at each step instead of added",
}
"""Which wrong ``bptt`` makes the gradients of exercise 05.2, by the name the learner has to find."""


def given(exercise_id: str, rng: np.random.Generator, master: Master) -> dict[str, np.ndarray]:
    """Make eight problems with wrong gradients for 05.2: each bug once and two of them again, in random order."""
    mutants = {mutant.name: mutant for mutant in master.mutants("bptt")}
    cases = []
    for bug in rng.permutation([*BUGS, *rng.choice(BUGS, 2)]):
        problem = draw_problem(rng, T=4)
        _, wrong = master.mutate("bptt", mutants[_MADE_BY[str(bug)]])(*problem.copy())  # type: ignore[misc]
        case = {"x": problem.x, "y": problem.y, "h0": problem.h0, **problem.params}
        cases.append(case | {f"wrong {name}": wrong[name] for name in GRADIENTS})
    return {name: np.stack([case[name] for case in cases]) for name in cases[0]}
