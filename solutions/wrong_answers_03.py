"""Known wrong answers to the exercises of notebook 03, each the reference with one line changed.

The name of a mutant is what the learner reads after *your numbers are exactly what one gets when*.
"""

from __future__ import annotations

import numpy as np

from rnnkit.check.ex03_blind_spot import draw_networks
from rnnkit.grade.master import Master, Mutant

_SOFTMAX = """o = o - o.max(axis=-1, keepdims=True)                                 # the largest exponential is now 1
    log_p = o - np.log(np.exp(o).sum(axis=-1, keepdims=True))
"""


def _softmax(axis: str) -> str:
    return f"o = o - o.max({axis})\n    log_p = o - np.log(np.exp(o).sum({axis}))\n"


_SOFTMAX_OF_ROWS = "np.exp({0}) / np.exp({0}).sum(axis=-1, keepdims=True)"

WRONG_ANSWERS: dict[str, tuple[Mutant, ...]] = {
    "convert": (
        Mutant("W_hh of Lecture 9 is transposed: its line does that already", '{"W_hh": W_h, ', '{"W_hh": W_h.T, '),
        Mutant(
            "the 1 is put before x_t, not behind it (the bias in the first row or column)",
            "np.vstack([W_x, b])",
            "np.vstack([b, W_x])",
        ),
        Mutant("the row (or column) that meets the 1 is left at zero", "[W_x, b])  ", "[W_x, 0 * b])  "),
        Mutant("the bias that meets the 1 is subtracted", "[W_x, b])  ", "[W_x, -b])  "),
        Mutant("the row (or column) that meets the 1 is itself all 1, not the bias", "[W_x, b])  ", "[W_x, b**0])  "),
        Mutant("Barcelona's W is not transposed", '"W": W_h.T}', '"W": W_h}'),
        Mutant(
            "Barcelona's U is reshaped where it should be transposed",
            '{"U": tall.T,',
            '{"U": tall.reshape(len(b), -1),',
        ),
        Mutant(
            "Barcelona's U is reshaped where it should be transposed, and W not turned at all",
            '{"U": tall.T, "W": W_h.T}',
            '{"U": tall.reshape(len(b), -1), "W": W_h}',
        ),
        Mutant("TTIC's W_hh is not transposed", '{"W_hh": W_h.T', '{"W_hh": W_h'),
        Mutant("TTIC's B has the sign of b, though its line subtracts it", '"B": -b', '"B": b'),
        Mutant(
            "TTIC's W_hh is not transposed and its B has the sign of b",
            '{"W_hh": W_h.T, "W_xh": W_x.T, "B": -b}',
            '{"W_hh": W_h, "W_xh": W_x.T, "B": b}',
        ),
        Mutant(
            "TTIC's W_xh is reshaped where it should be transposed",
            '"W_xh": W_x.T, "B"',
            '"W_xh": W_x.reshape(len(b), -1), "B"',
        ),
        Mutant(
            "TTIC's W_xh is reshaped where it should be transposed, and W_hh not turned at all",
            '{"W_hh": W_h.T, "W_xh": W_x.T, "B": -b}',
            '{"W_hh": W_h, "W_xh": W_x.reshape(len(b), -1), "B": -b}',
        ),
        Mutant(
            "San Pablo's matrix takes [h; x], the state first, not [x; h]",
            "np.hstack([W_x.T, W_h.T])",
            "np.hstack([W_h.T, W_x.T])",
        ),
        Mutant(
            "the right block of San Pablo's matrix is not transposed",
            "np.hstack([W_x.T, W_h.T])",
            "np.hstack([W_x.T, W_h])",
        ),
        Mutant(
            "San Pablo's matrix is reshaped where it should be transposed",
            "np.hstack([W_x.T, W_h.T])",
            "np.vstack([W_x, W_h]).reshape(len(b), -1)",
        ),
        Mutant("San Pablo's bias is subtracted", '"b_a": b}', '"b_a": -b}'),
        Mutant(
            "W_h comes before W_x in Monash's θ",
            "np.concatenate([W_x.ravel(), W_h.ravel(), b])",
            "np.concatenate([W_h.ravel(), W_x.ravel(), b])",
        ),
        Mutant(
            "the matrices are put into Monash's θ column by column",
            "np.concatenate([W_x.ravel(), W_h.ravel(), b])",
            "np.concatenate([W_x.T.ravel(), W_h.T.ravel(), b])",
        ),
        Mutant(
            "the bias comes first in Monash's θ",
            "np.concatenate([W_x.ravel(), W_h.ravel(), b])",
            "np.concatenate([b, W_x.ravel(), W_h.ravel()])",
        ),
    ),
    "masked_cost": (
        Mutant("padding counts like any other symbol", "[:, None] < lengths ", "[:, None] < T + 0 * lengths "),
        Mutant(
            "padding is added up as well, and only then divided by N",
            "(T, B): True on real symbols\n    weight = mask / mask.sum()",
            "\n    mask = mask | True\n    weight = mask / lengths.sum()",
        ),
        Mutant(
            "the minus sign of −log p is missing",
            "-(log_p * truth).sum(axis=-1)  ",
            "(log_p * truth).sum(axis=-1)  ",
        ),
        Mutant(
            "padding is masked but still counted: the sum is divided by T·B", "mask / mask.sum()", "mask / mask.size"
        ),
        Mutant(
            "the sum is divided by the number of sequences, not of symbols", "mask / mask.sum()", "mask / mask.shape[1]"
        ),
        Mutant("the losses, or their gradients, are summed, not averaged", "mask / mask.sum()", "mask * 1.0"),
        Mutant(
            "the mean is taken over each sequence first, then over the sequences",
            "mask / mask.sum()",
            "mask / mask.sum(axis=0) / mask.shape[1]",
        ),
        Mutant(
            "the mean is taken over each step first, then over the steps",
            "mask / mask.sum()",
            "mask / mask.sum(axis=1, keepdims=True) / T",
        ),
        Mutant(
            "each step has the mean of its symbols, and these are added up",
            "mask / mask.sum()",
            "mask / mask.sum(axis=1, keepdims=True)",
        ),
        Mutant(
            "each sequence has the mean of its symbols, and these are added up",
            "mask / mask.sum()",
            "mask / mask.sum(axis=0)",
        ),
        Mutant("the last symbol of each sequence is left out", "[:, None] < lengths ", "[:, None] < lengths - 1 "),
        Mutant("one symbol of padding counts in each sequence", "[:, None] < lengths ", "[:, None] <= lengths "),
        Mutant("the padding is taken to come first, not last", "np.arange(T)[:, None]", "np.arange(T)[::-1, None]"),
        Mutant(
            "the softmax is taken over the batch, not over the symbols",
            _SOFTMAX,
            _softmax("axis=1, keepdims=True"),
        ),
        Mutant(
            "the softmax is taken over the steps, not over the symbols", _SOFTMAX, _softmax("axis=0, keepdims=True")
        ),
        Mutant("the softmax is taken over the whole array, not over each row of symbols", _SOFTMAX, _softmax("")),
        Mutant(
            "the logarithm is to base 2",
            "-(log_p * truth).sum(axis=-1)  ",
            "-(log_p * truth).sum(axis=-1) / np.log(2)  ",
        ),
        Mutant(
            "a tiny number is added to p before its logarithm is taken",
            "-(log_p * truth).sum(axis=-1)  ",
            "-np.log((np.exp(log_p) * truth).sum(axis=-1) + 1e-12)  ",
        ),
        Mutant(
            "large scores are cut off before exp",
            "o = o - o.max(axis=-1, keepdims=True)",
            "o = np.clip(o, -30, 30)",
        ),
        Mutant(
            "“steps” holds the mean over the symbols of each step, not its share of the cost",
            "return steps.sum(), steps, do",
            "return steps.sum(), steps * mask.sum() / mask.sum(axis=1), do",
        ),
        Mutant(
            "“steps” holds running totals", "return steps.sum(), steps, do", "return steps.sum(), steps.cumsum(), do"
        ),
        Mutant(
            "“steps” is not divided by N, though the cost is",
            "return steps.sum(), steps, do",
            "return steps.sum(), steps * mask.sum(), do",
        ),
        Mutant(
            "the cost is the mean of the steps' shares, not their sum",
            "return steps.sum(), steps, do",
            "return steps.mean(), steps, do",
        ),
        Mutant(
            "1_y − p is used instead of p − 1_y (the ascent direction)",
            "(np.exp(log_p) - truth)",
            "(truth - np.exp(log_p))",
        ),
        Mutant("the one at the true symbol is not taken off p", "(np.exp(log_p) - truth)", "np.exp(log_p)"),
        Mutant("the gradient is not masked: padding has one as well", "do = weight[..., None]", "do = 1 / mask.sum()"),
    ),
    "wire": (
        Mutant(
            "x[0] is read again at every step",
            "np.zeros((steps - 1, *x.shape[1:]))",
            "np.repeat(x, steps - 1, axis=0)",
        ),
        Mutant("the zeros come before x[0]", "np.concatenate([x, nothing])", "np.concatenate([nothing, x])"),
        Mutant(
            "the first output is left out, and there is one more at the end (off by one)",
            "x = np.concatenate([x, nothing])",
            "h0, x = step(x[0], h0), np.concatenate([nothing, 0 * x])",
        ),
        Mutant(
            "later steps read the last output, by the decoder's step, not zeros",
            "        h = step(x_t, h)\n        outputs.append(readout(h))\n",
            '        h = decode(outputs[-1], h) if outputs and pattern == "one-to-many" else step(x_t, h)\n'
            "        outputs.append(readout(h))\n",
        ),
        Mutant(
            "the readout is taken before the step (off by one)",
            "        h = step(x_t, h)\n        outputs.append(readout(h))\n",
            "        outputs.append(readout(h))\n        h = step(x_t, h)\n",
        ),
        Mutant("the state is set back to h0 before each step", "h = step(x_t, h)\n", "h = step(x_t, h0)\n"),
        Mutant("h0 is taken for zero", "h, outputs = h0, []", "h, outputs = 0 * h0, []"),
        Mutant("the first output is returned instead of the last", "return outputs[-1] if", "return outputs[0] if"),
        Mutant(
            "the mean of all outputs is returned instead of the last",
            "return outputs[-1] if",
            "return sum(outputs) / len(outputs) if",
        ),
        Mutant("the outputs come in reverse order", "else np.stack(outputs)", "else np.stack(outputs[::-1])"),
        Mutant(
            "the decoder begins with h0, not with the encoder's last state",
            "h, o, outputs = code,",
            "h, o, outputs = h0,",
        ),
        Mutant("the decoder begins with a state of zeros", "h, o, outputs = code,", "h, o, outputs = 0 * code,"),
        Mutant(
            "the decoder reads zeros at every step: nothing is fed back", "h = decode(o, h)", "h = decode(0 * o, h)"
        ),
        Mutant(
            "the decoder's first input is the encoder's output, not zeros",
            "np.zeros_like(readout(code))",
            "readout(code)",
        ),
        Mutant(
            "the first output is that of the encoder (off by one)",
            "            h = decode(o, h)\n            o = readout(h)\n            outputs.append(o)\n",
            "            o = readout(h)\n            outputs.append(o)\n            h = decode(o, h)\n",
        ),
        Mutant(
            "every step of the decoder begins with the encoder's last state", "h = decode(o, h)", "h = decode(o, code)"
        ),
        Mutant(
            "the decoder is the encoder's own step, reading zeros",
            "h = decode(o, h)",
            "h = step(np.zeros_like(x[0]), h)",
        ),
        Mutant(
            "the softmax of the last output is fed back, not the output",
            "h = decode(o, h)",
            f"h = decode({_SOFTMAX_OF_ROWS.format('o')} if outputs else o, h)",
        ),
        Mutant(
            "the class of the last output is fed back as a unit vector, not the output",
            "h = decode(o, h)",
            "h = decode(np.eye(o.shape[-1])[o.argmax(-1)] if outputs else o, h)",
        ),
        Mutant(
            "the encoder reads its inputs from the last to the first",
            "for x_t in x:\n            code",
            "for x_t in x[::-1]:\n            code",
        ),
        Mutant(
            "the encoder reads the last input only",
            "for x_t in x:\n            code",
            "for x_t in x[-1:]:\n            code",
        ),
    ),
    "output_recurrent": (
        Mutant("nothing is fed back: the term with W_r is missing", ' + o @ params["W_r"]', ""),
        Mutant("o_0 is fed back at every step", 'o @ params["W_r"]', 'o0 @ params["W_r"]'),
        Mutant("o_0 is taken for zero", "o, outputs = o0, []", "o, outputs = 0 * o0, []"),
        Mutant("tanh of the output is fed back, not the output", 'o @ params["W_r"]', 'np.tanh(o) @ params["W_r"]'),
        Mutant(
            "the softmax of the scores is fed back, not the scores",
            'o @ params["W_r"]',
            '(np.exp(o) / np.exp(o).sum(axis=-1, keepdims=True)) @ params["W_r"]',
        ),
        Mutant(
            "the softmax of the scores is fed back from the second step on, not the scores",
            "        outputs.append(o)\n",
            f"        outputs.append(o)\n        o = {_SOFTMAX_OF_ROWS.format('o')}\n",
        ),
        Mutant(
            "the class of the highest score is fed back as a unit vector, not the scores",
            "        outputs.append(o)\n",
            "        outputs.append(o)\n        o = np.eye(o.shape[-1])[o.argmax(-1)]\n",
        ),
        Mutant(
            "the output is the softmax of the scores, not the scores",
            "        outputs.append(o)\n",
            f"        o = {_SOFTMAX_OF_ROWS.format('o')}\n        outputs.append(o)\n",
        ),
        Mutant(
            "one array is changed in place and stands in the list T times: every output is the last one",
            "        o = h @",
            "        o[:] = h @",
        ),
        Mutant(
            "the output is squashed by tanh",
            'o = h @ params["W_y"] + params["b_y"]',
            'o = np.tanh(h @ params["W_y"] + params["b_y"])',
        ),
        Mutant("tanh is left out of the state", "h = np.tanh(", "h = ("),
        Mutant("the bias b is left out", '@ params["W_r"] + params["b"])', '@ params["W_r"])'),
        Mutant("the bias b_y is left out", ' + params["b_y"]', ""),
        Mutant(
            "the output is fed back before b_y is added",
            '        o = h @ params["W_y"] + params["b_y"]\n        outputs.append(o)\n',
            '        o = h @ params["W_y"]\n        outputs.append(o + params["b_y"])\n',
        ),
        Mutant(
            "all outputs so far are fed back, added up",
            '        o = h @ params["W_y"] + params["b_y"]\n        outputs.append(o)\n',
            '        outputs.append(h @ params["W_y"] + params["b_y"])\n        o = o + outputs[-1]\n',
        ),
    ),
    "twins": (
        Mutant(
            "the two histories are one and the same",
            "return first[None], second[None]",
            "return first[None], first[None]",
        ),
        Mutant("the two states differ in a direction that the output shows", "[0][:, -1]  ", "[0][:, 0]  "),
        Mutant("n is the last row of U, not its last column", "[0][:, -1]  ", "[0][-1]  "),
        Mutant("the state is taken for z: arctanh is left out", "np.arctanh(h) - o0", "h - o0"),
        Mutant("o_0 W_r is forgotten when the input is solved for", " - o0 @ W_r", ""),
        Mutant("o_0 W_r is added, not taken off, when the input is solved for", " - o0 @ W_r", " + o0 @ W_r"),
        Mutant("b is forgotten when the input is solved for", "- b) @", ") @"),
        Mutant("b is added, not taken off, when the input is solved for", "- b) @", "+ b) @"),
        Mutant("W_xᵀ is taken for the inverse of W_x", "np.linalg.pinv(W_x)", "W_x.T"),
        Mutant(
            "the two histories lead both networks to the same state (they differ only where W_x, or tanh, hides it)",
            "return first[None], second[None]",
            "return first[None], first[None] + np.linalg.svd(W_x)[0][:, -1]",
        ),
        Mutant(
            "the two histories hardly differ",
            "states = 0.5 * unseen, -0.5 * unseen",
            "states = 0.001 * unseen, -0.001 * unseen",
        ),
    ),
    "conditioned": (
        Mutant("h_0 is c V itself, without tanh", "np.tanh(c @ V)", "c @ V"),
        Mutant("b is added in h_0 as well", "np.tanh(c @ V)", "np.tanh(c @ V + b)"),
        Mutant("under “initial” the state begins at zero all the same", '("initial", "both") else', '("both",) else'),
        Mutant("under “both” the context is not told at the start", '("initial", "both") else', '("initial",) else'),
        Mutant(
            "under “both” the context is not told at all: “initial” and “each_step” alone are looked for",
            'if how in ("initial", "both") else nothing]\n    drive = c @ W_c if how in ("each_step", "both")',
            'if how == "initial" else nothing]\n    drive = c @ W_c if how == "each_step"',
        ),
        Mutant(
            "under “initial” the context is told at each step as well",
            'c @ W_c if how in ("each_step", "both") else nothing',
            "c @ W_c",
        ),
        Mutant("under “each_step” the context is told at the start as well", 'if how in ("initial", "both")', "if how"),
        Mutant("under “each_step” the context is never told", '("each_step", "both") else', '("both",) else'),
        Mutant(
            "under “each_step” the context is told at the start instead",
            'if how in ("initial", "both") else nothing]\n'
            '    drive = c @ W_c if how in ("each_step", "both") else nothing ',
            'if how else nothing]\n    drive = c @ W_c if how == "both" else nothing ',
        ),
        Mutant(
            "under “both” the context is told at the start alone", '("each_step", "both") else', '("each_step",) else'
        ),
        Mutant("the context is told at the first step alone", "drive + h[-1]", "drive * (len(h) == 1) + h[-1]"),
        Mutant("the context is not told at the first step", "drive + h[-1]", "drive * (len(h) > 1) + h[-1]"),
        Mutant("W_c and V are exchanged", '("W_x", "W_h", "b", "W_c", "V")', '("W_x", "W_h", "b", "V", "W_c")'),
        Mutant(
            "the context is added after tanh",
            "np.tanh(x_t @ W_x + drive + h[-1] @ W_h + b)",
            "np.tanh(x_t @ W_x + h[-1] @ W_h + b) + drive",
        ),
        Mutant("W_h is used transposed", "h[-1] @ W_h", "h[-1] @ W_h.T"),
        Mutant("the bias b is left out", " @ W_h + b)", " @ W_h)"),
        Mutant("all sequences are told the mean context", "drive = c @ W_c", "drive = c.mean(axis=0) @ W_c"),
        Mutant("every step begins with h_0 again", "h[-1] @ W_h", "h[0] @ W_h"),
    ),
}


def given(exercise_id: str, rng: np.random.Generator, master: Master) -> dict[str, np.ndarray]:
    """Draw the two networks of 03.5."""
    return draw_networks(rng)
