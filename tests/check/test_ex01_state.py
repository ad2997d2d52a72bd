"""Unusual but right answers to notebook 01 pass; what has the wrong form is told, exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnkit.check import NotRightYet, check, exercise, judged_values, run_probe
from rnnkit.check.ex01_models import BOUND, PERIODS, certify_train, draw_spring, draw_springs, draw_start, outputs
from rnnkit.check.ex01_state import draw_initial_problem
from rnnkit.check.values import FormError, compare
from rnnkit.grade.master import Master

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def answers():
    return Master.load(ROOT / "solutions/01-state.ipynb").answers


def told(one, answer):
    with pytest.raises(NotRightYet) as wrong:
        check(one, answer)
    return str(wrong.value).removeprefix(f"✗ {one}: ")


# ------------------------------------------------------------------ 01.1


def by_views(x, weights):
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(x, np.float32), len(weights), axis=0)
    y = windows @ weights[::-1]
    return y.tolist(), y.T.copy().T


def test_windows_as_lists_or_views_in_float32_pass():
    check("01.1a", by_views)
    check("01.1b", by_views)


def test_each_half_of_the_window_is_checked_alone(answers):
    check("01.1a", lambda x, w: (answers["moving_average"](x, w)[0], None))
    check("01.1b", lambda x, w: (None, answers["moving_average"](x, w)[1]))


def test_one_array_is_told_that_two_are_asked_for():
    assert told("01.1a", lambda x, w: x).startswith("moving_average must return the pair (looped, convolved)")


def test_windows_that_are_not_full_are_told_by_their_shape():
    padded = told("01.1b", lambda x, w: (None, np.stack([np.convolve(c, w, "same") for c in x.T], axis=1)))
    assert padded == "convolved has shape (9, 2), expected (6, 2)"


# ------------------------------------------------------------------ 01.2


def by_a_matrix(x, gamma, h0):
    lag = np.arange(len(x))[:, None] - np.arange(len(x))
    weights = np.where(lag >= 0, (1 - gamma) * gamma ** np.maximum(lag, 0), 0)
    h = weights @ x + h0 * gamma ** np.arange(1.0, len(x) + 1)
    return [list(h), weights[:, 0], h, np.float64(1 / np.log(1 / gamma))]


def test_the_average_as_one_matrix_passes():
    check("01.2a", by_a_matrix)
    check("01.2b", by_a_matrix)


def test_float32_is_too_coarse_for_1e_12_and_told_so(answers):
    def short(x, gamma, h0):
        h, kernel, convolved, memory = answers["exponential_average"](x, gamma, h0)
        return h, kernel, np.float32(convolved), memory

    words = told("01.2b", short)
    assert words.startswith("h and convolved differ by up to ")
    assert words.endswith("in float64 rounding alone makes less than 1e-14")


def test_all_values_of_the_convolution_are_told_by_their_shape(answers):
    def full(x, gamma, h0):
        h, kernel, _, memory = answers["exponential_average"](x, gamma, h0)
        return h, kernel, np.convolve(x, kernel), memory

    assert told("01.2b", full) == "h and convolved must both have shape (T,), got (11,) and (21,)"


# ------------------------------------------------------------------ 01.3


def changed(answers, change):
    """The reference's two models with something done to each."""

    def delay_and_oscillator(n, period, decay):
        return [change(*model) for model in answers["delay_and_oscillator"](n, period, decay)]

    return delay_and_oscillator


def in_another_basis(A, B, C, D):
    P = np.random.default_rng(len(D)).standard_normal((len(D), len(D))) + 3 * np.eye(len(D))
    return [A.tolist(), np.linalg.solve(P, B), C @ P, np.linalg.solve(P, D @ P)]


def with_idle_states(A, B, C, D):
    H = len(D) + 3
    bigger = np.zeros((H, H))
    bigger[:-3, :-3], bigger[-3:, -3:] = D, 0.5 * np.eye(3)
    return A, np.vstack([B, np.ones((3, 1))]), np.hstack([C, np.zeros((1, 3))]), bigger


def in_float32(*model):
    return [np.float32(matrix) for matrix in model]


@pytest.mark.parametrize("change", [in_another_basis, with_idle_states, in_float32])
def test_any_basis_and_any_number_of_states_pass(answers, change):
    check("01.3a", changed(answers, change))
    check("01.3b", changed(answers, change))


def long_kernel(n, period, decay):
    """A delay line of 60 places, read with all weights at once."""

    def line(weights):
        return [[weights[0]]], weights[1:, None], np.eye(1, 60), np.eye(60, k=1)

    k = np.arange(61)
    return line(1.0 * (k == n)), line(decay**k * np.cos(2 * np.pi * k / period))


def test_an_oscillator_that_is_a_long_window_passes_as_far_as_it_is_heard():
    check("01.3a", long_kernel)
    check("01.3b", long_kernel)


def test_each_model_is_checked_alone(answers):
    check("01.3a", lambda *settings: (answers["delay_and_oscillator"](*settings)[0], None))
    words = told("01.3b", lambda *settings: (answers["delay_and_oscillator"](*settings)[0], None))
    assert words == "the oscillator must be the four matrices (A, B, C, D), got None (is a return missing?)"


WRONG_FORMS = {
    "columns": (lambda A, B, C, D: (A.T, B.T, C.T, D.T), "n=4: these are matrices for columns; here vectors are rows"),
    "flat": (lambda A, B, C, D: (A, B[:, 0], C, D), "n=4: B must hold numbers of shape (4, 1), got float64 of shape"),
    "number": (lambda A, B, C, D: (0.0, B, C, D), "n=4: A must hold numbers of shape (1, 1), got float64 of shape ()"),
    "oblong": (lambda A, B, C, D: (A, B, C, D[:2]), "n=4: D must have shape (H, H) with H from 1 to 64, got (2, 4)"),
    "growing": (lambda A, B, C, D: (A, B, C, 1e3 * np.eye(4)), "n=4: the state grows without end; D has an eigenvalue"),
    "nan": (lambda A, B, C, D: (A, B, C, D * np.nan), "n=4: D holds NaN or infinity"),
}  # fmt: skip


@pytest.mark.parametrize("form", WRONG_FORMS)
def test_a_model_of_the_wrong_form_is_told(answers, form):
    change, words = WRONG_FORMS[form]

    def delay_only(n, period, decay):
        A, B, C, D = answers["delay_and_oscillator"](4, period, decay)[0]
        return change(A, B + 0.5, C + 0.5, D), None

    assert told("01.3a", delay_only).startswith(words)


def test_a_wrong_weight_is_told_with_its_lag(answers):
    louder = changed(answers, lambda A, B, C, D: (A, 2 * B, C, D))
    assert told("01.3a", louder) == "n=4: y_t gives x_{t-4} the weight 2, it should be 1"


def test_matrices_that_nobody_asked_for_are_refused_whatever_they_are_called(answers):
    one = exercise("01.3a")
    got = judged_values(one, {f"x: {name}": np.ones((1, 1)) for name in "ABCD"}, 0)
    assert compare(got, run_probe(one, answers["delay_and_oscillator"], 0), one.rtol, one.atol)
    with pytest.raises(FormError, match="D must have shape"):
        judged_values(one, {"x: A": np.ones((1, 1))}, 0)


def test_a_complex_state_is_told_what_to_do_with_it():
    def in_one_complex_number(n, period, decay):
        d = decay * np.exp(2j * np.pi / period)
        return None, ([[1.0]], np.array([[d]]), [[1.0]], np.array([[d]]))

    assert told("01.3b", in_one_complex_number) == (
        "the oscillator has complex matrices: write a complex number of state as two real ones"
    )


# ------------------------------------------------------------------ 01.4


def through_kernels(x, target, params):
    """All states at once: the sum over the past, written out."""
    A, B, C, D = (params[name] for name in "ABCD")
    T, N, _ = x.shape
    powers = [np.linalg.matrix_power(D, k) for k in range(T)]
    h = np.array([sum((x[s] @ C @ powers[t - 1 - s] for s in range(t)), np.zeros((N, len(D)))) for t in range(T)])
    error = x @ A + h @ B - target
    dy = 2 * error / error.size
    dh = [sum((dy[s] @ B.T @ powers[s - t - 1].T for s in range(t + 1, T)), np.zeros((N, len(D)))) for t in range(T)]
    grads = {"A": np.einsum("tni,tno->io", x, dy), "B": np.einsum("tnh,tno->ho", h, dy)}
    grads |= {"C": np.einsum("tni,tnh->ih", x, dh), "D": np.einsum("tng,tnh->gh", h, dh), "extra": None}
    return np.float32((error**2).mean()), grads


def test_gradients_from_the_sum_over_the_past_pass():
    check("01.4a", through_kernels)
    check("01.4b", through_kernels)


def test_gradients_in_float32_pass(answers):
    def short(x, target, params):
        params = {name: np.float32(w) for name, w in params.items()}
        return answers["loss_and_gradients"](np.float32(x), np.float32(target), params)

    check("01.4a", short)
    check("01.4b", short)


def test_gradients_in_a_list_are_told(answers):
    words = told("01.4a", lambda *a: (0.0, list(answers["loss_and_gradients"](*a)[1].values())))
    assert words == "loss_and_gradients must return its gradients in a dict, got a list of 4"


@pytest.mark.parametrize(
    ("one", "factor", "words"),
    [
        ("01.4a", 6, "loss is 6 times too large (here T, N, O = 5, 2, 6): is what is averaged right?"),
        ("01.4a", 0.5, "loss is 2 times too small (here T, N, O = 5, 2, 6): is what is averaged right?"),
        ("01.4b", 10, "C is 10 times too large (here T, N, O = 5, 2, 6): is what is averaged right?"),
        ("01.4b", 1.5, "C[0, 0] is "),
    ],
)
def test_a_mean_over_too_little_is_told_with_its_factor(answers, one, factor, words):
    def scaled(x, target, params):
        loss, grads = answers["loss_and_gradients"](x, target, params)
        return factor * loss, {name: factor * grad for name, grad in grads.items()}

    assert told(one, scaled).startswith(words)


# ------------------------------------------------------------------ 01.5


def with_momentum(loss_and_gradients):
    def train(x, target, params):
        speed = dict.fromkeys(params, 0.0)
        for _ in range(150):
            grads = loss_and_gradients(x, target, params)[1]
            for name, w in params.items():
                speed[name] = 0.8 * speed[name] - 0.02 * grads[name]
                w += speed[name]
        return params

    return train


def in_small_steps(loss_and_gradients):
    def train(x, target, params):
        for _ in range(300):
            grads = loss_and_gradients(x, target, params)[1]
            params = {name: np.float32(params[name] - 0.02 * grads[name]) for name in params}
        return params | {"loss": 0.0}

    return train


@pytest.mark.parametrize("how", [with_momentum, in_small_steps])
def test_training_passes_however_it_is_done_well(answers, how):
    check("01.5", how(answers["loss_and_gradients"]))


@pytest.mark.parametrize("kind", PERIODS)
@pytest.mark.parametrize("seed", range(6))
def test_a_sound_training_keeps_the_bound_with_room_and_no_window_of_nine_weights_does(answers, kind, seed):
    rng = np.random.default_rng([5, seed])
    period = rng.uniform(*PERIODS[kind])
    learned = answers["train"](*draw_spring(rng, period), draw_start(rng))
    x, target = draw_spring(rng, period, N=200)
    loss = np.mean((outputs(learned, x, np.zeros((200, 2))) - target) ** 2)
    lagged = np.stack([np.concatenate([np.zeros((k, 200)), x[: 30 - k, :, 0]]) for k in range(9)], axis=-1)
    best = np.linalg.lstsq(lagged.reshape(-1, 9), target.ravel(), rcond=None)[0]
    window = np.mean((lagged @ best - target[..., 0]) ** 2)
    persistence = np.mean((target[1:] - target[:-1]) ** 2)
    assert loss < 0.6 * BOUND < 2 * BOUND < window < persistence


@pytest.mark.parametrize("kind", PERIODS)
def test_no_model_that_is_known_beforehand_will_do(answers, kind):
    rng = np.random.default_rng(6)
    known = answers["train"](*draw_spring(rng, np.mean(PERIODS[kind])), draw_start(rng))
    assert told("01.5", lambda x, target, params: known).startswith("the loss on new springs is 0.")


def test_a_rate_that_is_too_large_is_told(answers):
    def train(x, target, params):
        with np.errstate(all="ignore"):
            for _ in range(200):
                grads = answers["loss_and_gradients"](x, target, params)[1]
                params = {name: params[name] - 5 * grads[name] for name in params}
        return params

    assert told("01.5", train) == "A holds NaN or infinity; is the rate too large, or the way uphill?"


def test_too_little_training_is_told_with_the_loss(answers):
    def train(x, target, params):
        for _ in range(7):
            grads = answers["loss_and_gradients"](x, target, params)[1]
            params = {name: params[name] - 0.05 * grads[name] for name in params}
        return params

    words = told("01.5", train)
    assert words.startswith("the loss on new springs is 0.")
    assert words.endswith(", at most 0.02 will do: more steps, or another rate?")


def test_a_model_that_explodes_is_told():
    start = {"A": np.zeros((1, 1)), "B": np.ones((2, 1)), "C": np.ones((1, 2)), "D": 1e20 * np.eye(2)}
    with np.errstate(all="ignore"), pytest.raises(FormError, match="grow without end; is the rate too large"):
        certify_train(
            {f"fast {name}": array for name, array in start.items()},
            np.random.default_rng(0),
            draw_springs(np.random.default_rng(1)),
        )


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, "train must return the parameters in a dict, got None (is a return missing?)"),
        ({"A": np.zeros((1, 1))}, "the parameters lack B; there is A"),
        ({"A": np.zeros(1)}, "A must hold numbers of shape (1, 1), got float64 of shape (1,)"),
    ],
)
def test_parameters_of_the_wrong_form_are_told(returned, words):
    assert told("01.5", lambda x, target, params: returned) == words


def test_a_stub_that_training_calls_is_named():
    here = {}
    exec(
        "def loss_and_gradients(x, target, params):\n    raise NotImplementedError\n"
        "def train(x, target, params):\n    return loss_and_gradients(x, target, params)",
        here,
    )
    assert told("01.5", here["train"]) == "loss_and_gradients, which your train calls, is not written yet"


# ------------------------------------------------------------------ 01.6


def by_descent(learn_initial_state):
    def answer(x, target, params, h0):
        gradient, _ = learn_initial_state(x, target, params, h0)
        for _ in range(1000):
            h0 = h0 - 0.1 * learn_initial_state(x, target, params, h0)[0]
        return gradient.tolist(), np.float32(h0)

    return answer


def test_the_best_state_may_be_walked_down_to(answers):
    check("01.6a", by_descent(answers["learn_initial_state"]))
    check("01.6b", by_descent(answers["learn_initial_state"]))


def test_a_walk_that_stops_early_is_told_to_go_on(answers):
    def few_steps(x, target, params, h0):
        for _ in range(5):
            h0 = h0 - 0.1 * answers["learn_initial_state"](x, target, params, h0)[0]
        return None, h0

    assert told("01.6b", few_steps).endswith("may need more steps, or a smaller rate where it grows")


def test_a_gradient_for_each_sequence_is_told_by_its_shape(answers):
    words = told("01.6a", lambda x, target, params, h0: (np.tile(h0, (x.shape[1], 1)), h0))
    assert words == "gradient has shape (5, 3), expected (3,)"


@pytest.mark.parametrize("seed", range(20))
def test_no_two_sizes_are_equal_and_every_direction_of_the_state_is_heard(seed):
    problem = draw_initial_problem(np.random.default_rng(seed))
    assert len({*problem.x.shape, *problem.params["B"].shape}) == 5
    reach = [np.linalg.matrix_power(problem.params["D"], t) @ problem.params["B"] for t in range(len(problem.x))]
    assert np.linalg.svd(np.hstack(reach), compute_uv=False)[-1] >= 1
