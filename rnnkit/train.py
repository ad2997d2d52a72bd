"""What moves the parameters downhill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Adam:
    r"""The job of Adam: step against the gradient, each parameter at its own pace.

    .. math::
        m \leftarrow \beta_1 m + (1-\beta_1) g, \quad v \leftarrow \beta_2 v + (1-\beta_2) g^2, \quad
        \theta \leftarrow \theta - \alpha \frac{m / (1-\beta_1^n)}{\sqrt{v / (1-\beta_2^n)} + \epsilon}

    Parameters
    ----------
    lr
        Learning rate :math:`\alpha`.
    betas
        Decay of the two running means.
    eps
        Keeps the division finite.

    Raises
    ------
    ValueError
        When a setting is out of range.

    References
    ----------
    Kingma and Ba (2015), algorithm 1; argument names as in :class:`torch.optim.Adam`.
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    steps: int = field(default=0, init=False)
    _means: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.lr > 0:
            raise ValueError(f"lr must be positive, got {self.lr}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must lie in [0, 1), got {self.betas}")

    def step(self, parameters: Mapping[str, np.ndarray], gradients: Mapping[str, np.ndarray]) -> None:
        """Move ``parameters`` in place, one step.

        Raises
        ------
        ValueError
            When a parameter has no gradient, or a gradient is NaN or infinite; nothing has moved then.
        """
        for name in parameters:
            if name not in gradients:
                raise ValueError(f"no gradient for parameter {name!r}; there are {', '.join(sorted(gradients))}")
            if not np.isfinite(gradients[name]).all():
                raise ValueError(f"the gradient of {name!r} is not finite: lower lr, or clip the gradient")
        self.steps += 1
        beta1, beta2 = self.betas
        for name, parameter in parameters.items():
            g = gradients[name]
            m, v = self._means.get(name, (np.zeros_like(parameter), np.zeros_like(parameter)))
            m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
            self._means[name] = m, v
            m_hat, v_hat = m / (1 - beta1**self.steps), v / (1 - beta2**self.steps)
            parameter -= (self.lr * m_hat / (np.sqrt(v_hat) + self.eps)).astype(parameter.dtype)
