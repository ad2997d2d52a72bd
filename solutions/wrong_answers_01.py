"""Known wrong answers to the exercises of notebook 01, each the reference with one line changed.

The name of a mutant is what the learner reads after *your numbers are exactly what one gets when*.
"""

from __future__ import annotations

import numpy as np

from rnnkit.check.ex01_models import draw_springs
from rnnkit.grade.master import Master, Mutant

_LOOP = "looped[t] += weights[k] * x[t + W - 1 - k]"
_CONVOLVE = 'np.convolve(x[:, i], weights, mode="valid") for'
_DELAY_READ, _DELAY_MOVE = "B = np.eye(n)[:, -1:]", "D = np.eye(n, k=1)"
_ROTATION, _OSCILLATOR = "D = decay * np.array([[c, s], [-s, c]])", "(C @ E, D @ E, C, D)"
_BACK = "dh = dy[t] @ B.T + dh @ D.T"
_TRAINED = "loss_and_gradients(x, target, params)"
_MOVED = "params = {name: params[name] - rate * grads[name] for name in"
_LOOP_OF_TRAINING = f"    for _ in range(steps):\n        _, grads = {_TRAINED}\n"
_FOUND = "best = h0 + change"

WRONG_ANSWERS: dict[str, tuple[Mutant, ...]] = {
    "moving_average": (
        Mutant("the loop takes the weights oldest input first", _LOOP, "looped[t] += weights[k] * x[t + k]"),
        Mutant("the loop keeps the last weight's term alone (= in the place of +=)", _LOOP, _LOOP.replace("+=", "=")),
        Mutant("the loop leaves out the newest input", "for k in range(W):", "for k in range(1, W):"),
        Mutant(
            "the loop looks one step further back than its window (off by one)",
            _LOOP,
            "looped[t] += weights[k] * x[t + W - 2 - k]",
        ),
        Mutant(
            "the loop takes x_{t−k} from t = 0 on, where a negative index counts from the end of x",
            _LOOP,
            "looped[t] += weights[k] * x[t - k]",
        ),
        Mutant("the loop leaves out the last weight", "for k in range(W):", "for k in range(W - 1):"),
        Mutant(
            "the loop divides by the sum of the weights",
            _LOOP,
            "looped[t] += weights[k] * x[t + W - 1 - k] / weights.sum()",
        ),
        Mutant("the loop divides by the number of weights", _LOOP, "looped[t] += weights[k] * x[t + W - 1 - k] / W"),
        Mutant(
            "the loop uses the first column of x for all",
            _LOOP,
            "looped[t] += weights[k] * x[t + W - 1 - k, 0]",
        ),
        Mutant(
            "the convolution is given the weights oldest input first (it turns them round by itself)",
            _CONVOLVE,
            'np.convolve(x[:, i], weights[::-1], mode="valid") for',
        ),
        Mutant(
            "the first T − W + 1 values of the full convolution are taken, whose windows are not full",
            _CONVOLVE,
            "np.convolve(x[:, i], weights)[: T - W + 1] for",
        ),
        Mutant(
            "the last T − W + 1 values of the full convolution are taken, whose windows are not full",
            _CONVOLVE,
            "np.convolve(x[:, i], weights)[2 * W - 2 :] for",
        ),
        Mutant(
            "the middle of the convolution is cut off at the end (mode same, one-sided)",
            _CONVOLVE,
            'np.convolve(x[:, i], weights, mode="same")[: T - W + 1] for',
        ),
        Mutant(
            "the convolution divides by the sum of the weights",
            _CONVOLVE,
            'np.convolve(x[:, i], weights / weights.sum(), mode="valid") for',
        ),
        Mutant(
            "the convolution divides by the number of weights",
            _CONVOLVE,
            'np.convolve(x[:, i], weights / W, mode="valid") for',
        ),
        Mutant(
            "the first column of x is convolved for all",
            _CONVOLVE,
            'np.convolve(x[:, 0], weights, mode="valid") for',
        ),
    ),
    "exponential_average": (
        Mutant(
            "γ and 1 − γ have changed places in the recursion",
            "gamma * state + (1 - gamma) * x[t]",
            "(1 - gamma) * state + gamma * x[t]",
        ),
        Mutant("the recursion adds x_t, not (1 − γ) x_t", "+ (1 - gamma) * x[t]", "+ x[t]"),
        Mutant("the recursion starts from 0, not from h_0", "T, state = len(x), h0", "T, state = len(x), 0.0"),
        Mutant("the recursion starts from the first input", "T, state = len(x), h0", "T, state = len(x), x[0]"),
        Mutant(
            "the state before each input is returned (off by one step)",
            "        state = gamma * state + (1 - gamma) * x[t]       # h_t = γ h_{t−1} + (1 − γ) x_t\n"
            "        h[t] = state\n",
            "        h[t] = state\n        state = gamma * state + (1 - gamma) * x[t]\n",
        ),
        Mutant("the kernel lacks its factor 1 − γ", "kernel = (1 - gamma) * gamma", "kernel = gamma"),
        Mutant(
            "the kernel begins with γ¹, not with γ⁰ (off by one)",
            "gamma ** np.arange(T)  ",
            "gamma ** np.arange(1, T + 1)  ",
        ),
        Mutant("the kernel stands oldest input first", "gamma ** np.arange(T)  ", "gamma ** np.arange(T)[::-1]  "),
        Mutant(
            "the kernel is turned round before it is convolved (np.convolve turns it round by itself)",
            "np.convolve(x, kernel)",
            "np.convolve(x, kernel[::-1])",
        ),
        Mutant("the kernel is returned oldest input first", "return h, kernel, ", "return h, kernel[::-1], "),
        Mutant("kernel and convolved are returned in the wrong order", "h, kernel, convolved", "h, convolved, kernel"),
        Mutant("the last T values of the convolution are taken, not the first", "[:T] + left", "[-T:] + left"),
        Mutant(
            "the middle of the convolution is taken (mode same), not its first T values",
            "np.convolve(x, kernel)[:T]",
            'np.convolve(x, kernel, mode="same")',
        ),
        Mutant("h_0 is left out of the convolution", "[:T] + left", "[:T]"),
        Mutant(
            "h_0 is put before the first input and convolved with it",
            "np.convolve(x, kernel)[:T] + left",
            "np.convolve(np.append(h0, x), kernel)[:T]",
        ),
        Mutant("h_0 has the factor γ^T at every step", "gamma ** np.arange(1, T + 1) * h0", "gamma**T * h0"),
        Mutant(
            "h_0 has the factor γ^(t−1): it shrinks a step too late",
            "gamma ** np.arange(1, T + 1) * h0",
            "gamma ** np.arange(T) * h0",
        ),
        Mutant(
            "h_0 is weighted like an input, with a factor 1 − γ",
            "gamma ** np.arange(1, T + 1) * h0",
            "(1 - gamma) * gamma ** np.arange(1, T + 1) * h0",
        ),
        Mutant(
            "h_0 is added in full at every step",
            "gamma ** np.arange(1, T + 1) * h0",
            "h0",
        ),
        Mutant("the memory is taken to be 1/(1 − γ)", "-1 / np.log(gamma)", "1 / (1 - gamma)"),
        Mutant("the memory is rounded up to a whole number", "-1 / np.log(gamma)", "np.ceil(-1 / np.log(gamma))"),
        Mutant("the memory is rounded down to a whole number", "-1 / np.log(gamma)", "np.floor(-1 / np.log(gamma))"),
        Mutant("the memory lacks its minus sign", "-1 / np.log(gamma)", "1 / np.log(gamma)"),
        Mutant("the memory is taken with the logarithm to base 10", "-1 / np.log(gamma)", "-1 / np.log10(gamma)"),
        Mutant(
            "the memory is the half-life: the steps to one half, not to 1/e",
            "-1 / np.log(gamma)",
            "-np.log(2) / np.log(gamma)",
        ),
    ),
    "delay_and_oscillator": (
        Mutant("the delay is one step too long", "C = np.eye(1, n)  ", "n += 1\n    C = np.eye(1, n)  "),
        Mutant("the delay is one step too short", "C = np.eye(1, n)  ", "n -= 1\n    C = np.eye(1, n)  "),
        Mutant(
            "nothing ever reaches the last place of the delay line (D is transposed, or the identity)",
            _DELAY_MOVE,
            "D = np.eye(n, k=-1)",
        ),
        Mutant(
            "the delay line is a ring: D brings the oldest input back to the beginning",
            _DELAY_MOVE,
            "D = np.roll(np.eye(n), 1, axis=1)",
        ),
        Mutant(
            "every place of the delay line is read, or written to, in the place of one alone",
            _DELAY_READ,
            "B = np.ones((n, 1))",
        ),
        Mutant(
            "the delay line also lets the input through at once (A is not 0)",
            "delay = (np.zeros((1, 1))",
            "delay = (np.ones((1, 1))",
        ),
        Mutant(
            "the first place of the delay line is read, not the last (a delay by one step, whatever n is)",
            _DELAY_READ,
            "B = np.eye(n)[:, :1]",
        ),
        Mutant(
            "the oscillator is returned first and the delay second",
            f"return delay, {_OSCILLATOR}",
            f"return {_OSCILLATOR}, delay",
        ),
        Mutant("the decay is applied twice at each step", _ROTATION, _ROTATION.replace("decay", "decay**2")),
        Mutant("the angle is in degrees (np.cos wants radians)", "angle = 2 * np.pi / period", "angle = 360 / period"),
        Mutant("the oscillator does not decay", _ROTATION, "D = np.array([[c, s], [-s, c]])"),
        Mutant(
            "the oscillator grows: it is divided by the decay", _ROTATION, "D = np.array([[c, s], [-s, c]]) / decay"
        ),
        Mutant(
            "the decay is applied to the cosine alone", _ROTATION, "D = np.array([[decay * c, s], [-s, decay * c]])"
        ),
        Mutant(
            "both sines have the same sign, so that D does not turn",
            _ROTATION,
            "D = decay * np.array([[c, s], [s, c]])",
        ),
        Mutant("the angle lacks its 2π", "angle = 2 * np.pi / period", "angle = 1 / period"),
        Mutant(
            "the angle is π/period: the period is twice as long", "angle = 2 * np.pi / period", "angle = np.pi / period"
        ),
        Mutant("the period is taken for the frequency", "angle = 2 * np.pi / period", "angle = 2 * np.pi * period"),
        Mutant("the response is a sine, not a cosine", "E = np.array([[1.0], [0.0]])", "E = np.array([[0.0], [1.0]])"),
        Mutant(
            "y_t is read from h_{t−1} as if it were h_t (the response comes one step late)",
            _OSCILLATOR,
            "(0 * C @ E, E, C, D)",
        ),
        Mutant("the oscillator's A is left at 0: x_t itself is not heard", _OSCILLATOR, "(0 * C @ E, D @ E, C, D)"),
        Mutant(
            "B of the oscillator is E where D E is needed (all but the first weight come one step late)",
            _OSCILLATOR,
            "(C @ E, E, C, D)",
        ),
    ),
    "loss_and_gradients": (
        Mutant("the loss is summed, not averaged", "np.mean((y - target) ** 2)", "np.sum((y - target) ** 2)"),
        Mutant("the loss is the root of the mean", "np.mean((y - target) ** 2)", "np.mean((y - target) ** 2) ** 0.5"),
        Mutant(
            "y_t is read from h_t, not from h_{t−1}",
            "y[t] = x[t] @ A + h[t] @ B ",
            "y[t] = x[t] @ A + (x[t] @ C + h[t] @ D) @ B ",
        ),
        Mutant(
            "the gradients are those of the sum of all squares, not of their mean",
            "(y - target) / y.size",
            "(y - target)",
        ),
        Mutant("the factor 2 of the square is missing", "2 * (y - target) / y.size", "(y - target) / y.size"),
        Mutant("target − y stands where y − target should (the way uphill)", "2 * (y - target)", "2 * (target - y)"),
        Mutant(
            "the gradients are averaged over time but not over sequences and outputs",
            "(y - target) / y.size",
            "(y - target) / T",
        ),
        Mutant(
            "the gradient of B is multiplied by h_t, not by h_{t−1}", 'grads["B"] += h[t].T', 'grads["B"] += h[t + 1].T'
        ),
        Mutant(
            "the gradient of D is multiplied by h_t, not by h_{t−1}", 'grads["D"] += h[t].T', 'grads["D"] += h[t + 1].T'
        ),
        Mutant("the gradient that comes back from later steps is forgotten", _BACK, "dh = dy[t] @ B.T"),
        Mutant(
            "the backward loop goes from the first step to the last",
            "for t in reversed(range(T)):",
            "for t in range(T):",
        ),
        Mutant(
            "dh begins with dy_T Bᵀ, not with 0 (nothing reads the last state)",
            "dh = np.zeros((N, len(D)))",
            "dh = dy[-1] @ B.T",
        ),
        Mutant(
            "one array is changed in place and kept again and again, so that all states are the last one",
            "loss = np.mean((y - target) ** 2)",
            "loss = np.mean((y - target) ** 2)\n    h[:] = h[T]",
        ),
        Mutant("D is used transposed on the way back", _BACK, "dh = dy[t] @ B.T + dh @ D"),
        Mutant(
            "dh is brought back a step before C and D use it (dh_{t−1} stands where dh_t should)",
            '        grads["C"] += x[t].T @ dh            # dC = Σ x_tᵀ dh_t\n',
            '        dh = dy[t] @ B.T + dh @ D.T\n        grads["C"] += x[t].T @ dh\n',
        ),
        Mutant(
            "the gradients of C and D are overwritten at each step instead of added",
            '        grads["C"] += x[t].T @ dh            # dC = Σ x_tᵀ dh_t\n        grads["D"] += h[t].T @ dh  ',
            '        grads["C"] = x[t].T @ dh\n        grads["D"] = h[t].T @ dh  ',
        ),
        Mutant(
            "the gradients of A and B are overwritten at each step instead of added",
            '        grads["A"] += x[t].T @ dy[t]         # dA = Σ x_tᵀ dy_t\n        grads["B"] += h[t].T @ dy[t]  ',
            '        grads["A"] = x[t].T @ dy[t]\n        grads["B"] = h[t].T @ dy[t]  ',
        ),
        Mutant("the gradient of D is transposed", 'grads["D"] += h[t].T @ dh ', 'grads["D"] += dh.T @ h[t] '),
    ),
    "train": (
        Mutant("training ends after one step (a return inside the loop)", "    return params", "        return params"),
        Mutant(
            "the parameters to start from are returned, not the trained ones",
            f"        {_MOVED}",
            "        new = {name: params[name] - rate * grads[name] for name in",
        ),
        Mutant(
            "the gradient is computed once, before the loop",
            _LOOP_OF_TRAINING,
            f"    _, grads = {_TRAINED}\n    for _ in range(steps):\n",
        ),
        Mutant(
            "A is never moved",
            f'{_MOVED} "ABCD"}}',
            'params = params | {name: params[name] - rate * grads[name] for name in "BCD"}',
        ),
        Mutant(
            "D is never moved",
            f'{_MOVED} "ABCD"}}',
            'params = params | {name: params[name] - rate * grads[name] for name in "ABC"}',
        ),
        Mutant(
            "neither B nor C is ever moved",
            f'{_MOVED} "ABCD"}}',
            'params = params | {name: params[name] - rate * grads[name] for name in "AD"}',
        ),
        Mutant(
            "only the first five steps of each sequence are learned from",
            _TRAINED,
            "loss_and_gradients(x[:5], target[:5], params)",
        ),
        Mutant(
            "the target of the step before is learned (inputs and targets are shifted by one)",
            _TRAINED,
            "loss_and_gradients(x[1:], target[:-1], params)",
        ),
        Mutant("the pushes are learned in the place of the positions", _TRAINED, "loss_and_gradients(x, x, params)"),
    ),
    "learn_initial_state": (
        Mutant(
            "the gradient is averaged over the sequences, not summed",
            "gradient += (dy @ reach.T).sum(axis=0)",
            "gradient += (dy @ reach.T).mean(axis=0)",
        ),
        Mutant("the factor 2 of the square is missing", "dy = 2 * error", "dy = error"),
        Mutant(
            "the gradient is that of the sum of all squares, not of their mean", "2 * error / target.size", "2 * error"
        ),
        Mutant(
            "the gradient is measured at h_0 = 0, not at the h0 that is given",
            "h, reach = np.tile(h0,",
            "h, reach = np.tile(0 * h0,",
        ),
        Mutant(
            "the gradient reaches h_0 through D^t B, not through D^(t−1) B (off by one step)",
            "gradient += (dy @ reach.T)",
            "gradient += (dy @ (D @ reach).T)",
        ),
        Mutant("D is used transposed in D^(t−1) B", "reach = D @ reach  ", "reach = D.T @ reach  "),
        Mutant(
            "D^(t−1) is taken entry by entry (D ** k), not as a product of matrices",
            "reach = D @ reach  ",
            "reach = D ** (t + 1) @ B  ",
        ),
        Mutant("only the first output is taken to depend on h_0", "reach = D @ reach  ", "reach = 0 * reach  "),
        Mutant("the loss of the last step alone is looked at", "gradient += (dy", "gradient = (dy"),
        Mutant(
            "target − y stands where y − target should (the way uphill)",
            "error = x[t] @ A + h @ B - target[t]",
            "error = target[t] - x[t] @ A - h @ B",
        ),
        Mutant(
            "what the inputs add is left out", "error = x[t] @ A + h @ B - target[t]", "error = h0 @ reach - target[t]"
        ),
        Mutant(
            "the gradient at the best h_0 is returned, where it is 0, not at the h0 that is given",
            "return gradient, best",
            "return 0 * gradient, best",
        ),
        Mutant("the change of h_0 is returned as best, not h_0 with the change", _FOUND, "best = change"),
        Mutant(
            "best is one step against the gradient away, not at the bottom of the bowl", _FOUND, "best = h0 - gradient"
        ),
        Mutant(
            "best is fitted to the first sequence alone", "errors.append(error.mean(axis=0))", "errors.append(error[0])"
        ),
        Mutant(
            "best is fitted to errors summed over the sequences, so that the step is too long",
            "errors.append(error.mean(axis=0))",
            "errors.append(error.sum(axis=0))",
        ),
    ),
}


def given(exercise_id: str, rng: np.random.Generator, master: Master) -> dict[str, np.ndarray]:
    """Draw the springs of 01.5."""
    return draw_springs(rng)
