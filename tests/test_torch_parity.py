"""The same lines on torch tensors, against NumPy, torch.nn and autograd; CPU always, CUDA where there is one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnkit import gradients
from rnnkit.cells import Readout, VanillaRNN
from rnnkit.forcing import OutputRNN, shifted
from rnnkit.losses import one_hot, softmax_cross_entropy
from rnnkit.unroll import bptt, checkpointed_bptt, truncated_bptt, unroll
from tests.conftest import make_network

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
# float64: the same sums in another order; float32: 24 bits over some hundred terms; a GPU may use reduced precision
TOLERANCE = {
    ("cpu", np.float64): 1e-12,
    ("cpu", np.float32): 1e-5,
    ("cuda", np.float64): 1e-9,
    ("cuda", np.float32): 1e-3,
}


def on(device, a):
    return torch.as_tensor(a, device=device)


def moved(network, device):
    arrays = {name: on(device, a) for name, a in network.arrays().items()}
    cell = VanillaRNN(arrays["W_x"], arrays["W_h"], arrays["b"])
    network.cell, network.readout = cell, Readout(arrays["W_y"], arrays["b_y"])
    network.x, network.h0, network.y = arrays["x"], arrays["h0"], on(device, network.y)
    network.mask = None if network.mask is None else on(device, network.mask)
    return network


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("lengths", [None, (9, 4, 1, 7)])
def test_the_same_lines_give_the_same_gradients(device, dtype, lengths):
    network = make_network(3, steps=9, batch=4, dtype=dtype)
    if lengths:
        network.mask = np.arange(9)[:, None] < np.array(lengths)
    expected = network.gradients()
    gradients.compare(moved(network, device).gradients(), expected, rtol=TOLERANCE[device, dtype])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("steps", "batch", "inputs", "hidden"), [(1, 1, 1, 1), (5, 3, 4, 6), (40, 8, 16, 32)])
def test_forward_and_backward_agree_with_torch_nn(device, dtype, steps, batch, inputs, hidden):
    network = make_network(1, steps=steps, batch=batch, inputs=inputs, hidden=hidden, dtype=dtype)
    theirs = torch.nn.RNN(inputs, hidden, dtype=torch.float64 if dtype is np.float64 else torch.float32, device=device)
    cell = network.cell
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(on(device, cell.W_x.T))
        theirs.weight_hh_l0.copy_(on(device, cell.W_h.T))
        theirs.bias_ih_l0.copy_(on(device, cell.b))
        theirs.bias_hh_l0.zero_()
    x, h0 = on(device, network.x).requires_grad_(), on(device, network.h0[None]).requires_grad_()
    output, _ = theirs(x, h0)
    weight = on(device, np.random.default_rng(2).normal(size=tuple(output.shape)).astype(dtype))
    (output * weight).sum().backward()
    h = unroll(cell, network.x, network.h0)
    g = bptt(cell, network.x, h, weight.cpu().numpy())
    actual = {"h": h[1:], "x": g.x, "h0": g.h0, **g.parameters}
    expected = {
        "h": output, "x": x.grad, "h0": h0.grad[0], "W_x": theirs.weight_ih_l0.grad.T,
        "W_h": theirs.weight_hh_l0.grad.T, "b": theirs.bias_ih_l0.grad,
    }  # fmt: skip
    gradients.compare(actual, expected, rtol=TOLERANCE[device, dtype])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("seed", range(3))
def test_all_gradients_agree_with_autograd(device, seed):
    network = make_network(seed)
    by_hand = network.gradients()
    tensors = {name: on(device, a).requires_grad_() for name, a in network.arrays().items()}
    h = unroll(VanillaRNN(tensors["W_x"], tensors["W_h"], tensors["b"]), tensors["x"], tensors["h0"])
    logits = Readout(tensors["W_y"], tensors["b_y"]).forward(h[1:])
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), on(device, network.y).flatten()).backward()
    gradients.compare(by_hand, {name: a.grad for name, a in tensors.items()}, rtol=TOLERANCE[device, np.float64])


@pytest.mark.parametrize("device", DEVICES)
def test_truncated_and_checkpointed_run_on_tensors(device):
    network = make_network(5, steps=12)
    h = network.states()
    dh, _ = network.immediate(h)
    cut = truncated_bptt(network.cell, network.x, h, dh, k1=3, k2=5)
    kept = bptt(network.cell, network.x, h, dh)
    moved(network, device)
    h, dh = on(device, h), on(device, dh)
    gradients.compare(truncated_bptt(network.cell, network.x, h, dh, k1=3, k2=5).parameters, cut.parameters, rtol=1e-9)
    again = checkpointed_bptt(network.cell, network.x, lambda s, q: dh[s : s + len(q)], network.h0)
    gradients.compare(again.parameters, kept.parameters, rtol=1e-9)


@pytest.mark.parametrize("device", DEVICES)
def test_losses_and_output_recurrence_run_on_tensors(device):
    rng = np.random.default_rng(0)
    net = OutputRNN.create(4, 5, 3, rng)
    x, y, first = rng.normal(size=(6, 2, 4)), rng.integers(0, 3, (6, 2)), rng.integers(0, 3, 2)
    loss, expected = net.loss_and_gradients(x, shifted(y, first), y)
    theirs = OutputRNN(**{name: on(device, a) for name, a in net.parameters().items()})
    t_loss, g = theirs.loss_and_gradients(on(device, x), shifted(on(device, y), on(device, first)), on(device, y))
    assert float(t_loss) == pytest.approx(float(loss), rel=1e-9)
    gradients.compare(g, expected, rtol=1e-9)
    assert one_hot(on(device, y), 3, on(device, x)).shape == (6, 2, 3)
    with pytest.raises(ValueError, match="targets must lie"):
        softmax_cross_entropy(on(device, x), on(device, y) + 9)


def test_the_orthogonal_start_agrees_with_torch_in_kind():
    """torch's orthogonal_ has singular values 1 as well; the draws differ."""
    theirs = torch.nn.init.orthogonal_(
        torch.empty(6, 6, dtype=torch.float64), generator=torch.Generator().manual_seed(0)
    )
    np.testing.assert_allclose(torch.linalg.svdvals(theirs).numpy(), 1, rtol=1e-12)


def test_a_cell_of_arrays_refuses_tensors_and_says_so(network):
    with pytest.raises(TypeError, match="x is a Tensor but the cell's parameters are of type ndarray"):
        unroll(network.cell, torch.from_numpy(network.x))
