"""The linear state model, learned from a series."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit import gradients
from rnnkit.cells import Linear
from rnnkit.train import fit_linear, output_error
from rnnkit.unroll import unroll

RNG = np.random.default_rng


def task(inputs=3, outputs=2, hidden=4):
    shapes = (6, 2, inputs), (6, 2, outputs), (2, hidden)
    return [RNG(k).normal(size=shape) for k, shape in enumerate(shapes)]


def drawn(*seeds, inputs=3, outputs=2, hidden=4):
    return [Linear.create(inputs, hidden, RNG(seed), output_size=outputs) for seed in seeds]


def stacked(models):
    return {name: np.stack([model.parameters()[name] for model in models]) for name in "ABCD"}


def test_the_loss_is_that_of_the_outputs_of_an_unrolled_cell():
    (cell,), (x, target, h0) = drawn(0), task()
    outputs = cell.output_from(x, unroll(cell, x, h0)[:-1])
    found = output_error(cell.parameters(), x, target, h0).loss
    assert found == pytest.approx(np.mean((outputs - target) ** 2), rel=1e-12)


def test_gradients_agree_with_central_differences():
    (cell,), (x, target, h0) = drawn(0), task()
    arrays = {**cell.parameters(), "h0": h0}
    found = output_error(cell.parameters(), x, target, h0).gradients
    gradients.check(lambda: output_error(cell.parameters(), x, target, h0).loss, arrays, found)


def test_gradients_agree_with_autograd():
    torch = pytest.importorskip("torch")
    (cell,), (x, target, h0) = drawn(0), task()
    arrays = {name: torch.tensor(a, requires_grad=True) for name, a in {**cell.parameters(), "h0": h0}.items()}
    model, state = Linear(*(arrays[name] for name in "ABCD")), arrays["h0"]
    loss = torch.zeros((), dtype=torch.float64)
    for x_t, target_t in zip(torch.tensor(x), torch.tensor(target), strict=True):
        loss = loss + ((model.output_from(x_t, state) - target_t) ** 2).sum() / target.size
        state = model.step(x_t, state)
    loss.backward()
    found = output_error(cell.parameters(), x, target, h0).gradients
    gradients.compare(found, {name: a.grad.numpy() for name, a in arrays.items()}, rtol=1e-12)


def test_models_side_by_side_are_what_each_is_alone():
    models, (x, target, h0) = drawn(0, 1, 2), task()
    together = output_error(stacked(models), x, target, h0)
    for k, model in enumerate(models):
        alone = output_error(model.parameters(), x, target, h0)
        assert together.loss[k] == pytest.approx(alone.loss, rel=1e-12)
        gradients.compare({n: g[k] for n, g in together.gradients.items()}, alone.gradients, rtol=1e-12)


def test_training_finds_a_model_that_made_the_series():
    source = Linear.oscillator(7.0, decay=0.8)
    x = RNG(0).normal(size=(60, 1, 1))
    target = source.output_from(x, unroll(source, x)[:-1])
    models = drawn(1, 2, inputs=1, outputs=1, hidden=2)
    losses = fit_linear(models, x, target, steps=800, lr=0.03)
    assert losses.shape == (801, 2)
    assert losses[-1].min() < 1e-3 * losses[0].min()


def test_models_are_trained_in_place_and_as_alone():
    alone, among = drawn(3), drawn(2, 3)
    x, target, _ = task()
    fit_linear(alone, x, target, steps=5)
    losses = fit_linear(among, x, target, steps=5)
    gradients.compare(among[1].parameters(), alone[0].parameters(), rtol=1e-9)
    assert losses[-1, 1] == pytest.approx(output_error(among[1].parameters(), x, target).loss, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda x, y: fit_linear([], x, y, steps=1),
            r"models must be at least one, and of one shape, got \(H, I, O\) of \[\]",
        ),
        (
            lambda x, y: fit_linear(drawn(0) + drawn(0, hidden=3), x, y, steps=1),
            r"of one shape, got \(H, I, O\) of \[\(4, 3, 2\), \(3, 3, 2\)\]",
        ),
        (lambda x, y: fit_linear(drawn(0), x, y, steps=0), "steps must be a positive int, got 0"),
        (lambda x, y: output_error(drawn(0)[0].parameters(), x[..., :2], y), r"x must have shape \(T, B, I\)"),
        (lambda x, y: output_error(drawn(0)[0].parameters(), x, y[1:]), r"target must have shape \(T, B, O\)"),
    ],
)
def test_what_does_not_fit_is_named(call, says):
    x, target, _ = task()
    with pytest.raises(ValueError, match=says):
        call(x, target)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"h0": np.zeros(4)}, r"h0 must have shape \(B, H\) = \(2, 4\), got \(4,\)"),
        ({"h0": np.zeros((1, 4))}, r"h0 must have shape \(B, H\) = \(2, 4\), got \(1, 4\)"),
        ({"h0": np.zeros((5, 2, 4))}, r"h0 must have shape \(..., B, H\)"),
        ({"D": np.zeros((4, 3))}, "must have shape"),
        ({"B": np.zeros((1, 2))}, r"B must have shape \(..., H, O\) = \(4, 2\), got \(1, 2\)"),
        ({"C": np.zeros((1, 4))}, r"C must have shape \(..., I, H\) = \(3, 4\), got \(1, 4\)"),
        ({"x": np.zeros((0, 2, 3)), "target": np.zeros((0, 2, 2))}, "target must hold at least one number"),
    ],
)
def test_what_does_not_fit_together_is_refused_and_never_broadcast(change, message):
    (cell,), (x, target, h0) = drawn(0), task()
    given = {**cell.parameters(), "x": x, "target": target, "h0": h0, **change}
    with pytest.raises(ValueError, match=message):
        output_error({name: given[name] for name in "ABCD"}, given["x"], given["target"], given["h0"])


def test_a_state_of_its_own_for_each_model_is_taken():
    models, (x, target, h0) = drawn(0, 1), task()
    together = output_error(stacked(models), x, target, np.stack([h0, 2 * h0]))
    assert together.loss[1] == pytest.approx(output_error(models[1].parameters(), x, target, 2 * h0).loss, rel=1e-12)
    assert together.gradients["h0"].shape == (2, 2, 4)
