"""What is withheld leaves no other road open in torch's public functions."""

from __future__ import annotations

import pkgutil

import pytest
import torch
import torch._dynamo  # torch.func would import it in the middle of a test
from torch.autograd import forward_ad, functional

from rnnkit.check.exercise import TORCH_AUTOGRAD


def f(x):
    return torch.tanh(x).sum()


def dual(x):
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(f(forward_ad.make_dual(x, torch.ones(2)))).tangent


ROADS = {
    "backward": lambda x: f(x).backward(),
    "autograd.backward": lambda x: torch.autograd.backward(f(x)),
    "autograd.grad": lambda x: torch.autograd.grad(f(x), x),
    "func.grad": lambda x: torch.func.grad(f)(x),
    "func.grad_and_value": lambda x: torch.func.grad_and_value(f)(x),
    "func.vjp": lambda x: torch.func.vjp(f, x)[1](torch.ones(())),
    "func.jvp": lambda x: torch.func.jvp(f, (x,), (torch.ones(2),)),
    "func.jacrev": lambda x: torch.func.jacrev(f)(x),
    "func.jacfwd": lambda x: torch.func.jacfwd(f)(x),
    "func.hessian": lambda x: torch.func.hessian(f)(x),
    "func.linearize": lambda x: torch.func.linearize(f, x)[1](torch.ones(2)),
    "functional.jacobian": lambda x: functional.jacobian(f, x),
    "functional.hessian": lambda x: functional.hessian(f, x),
    "functional.vjp": lambda x: functional.vjp(f, x),
    "functional.jvp": lambda x: functional.jvp(f, x, torch.ones(2)),
    "dual numbers": dual,
}


class Withheld(Exception): ...  # noqa: N818


def refuse(*_, **__):
    raise Withheld


@pytest.mark.parametrize("road", ROADS)
def test_no_road_of_torch_leads_round_what_is_withheld(road, monkeypatch):
    for name in TORCH_AUTOGRAD:
        owner, _, last = name.rpartition(".")
        monkeypatch.setattr(pkgutil.resolve_name(owner), last, refuse)
    with pytest.raises(Withheld):
        ROADS[road](torch.ones(2, requires_grad=True))


@pytest.mark.parametrize("road", ROADS)
def test_each_road_is_open_where_nothing_is_withheld(road):
    ROADS[road](torch.ones(2, requires_grad=True))
