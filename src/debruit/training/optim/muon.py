"""Muon: momentum with orthogonalised updates for matrices (Jordan et al. 2024), AdamW for all other parameters.

    M <- momentum M + G
    U = NewtonSchulz(G + momentum M), approximately the nearest matrix whose singular values are 1
    W <- W - lr 0.2 sqrt(max(m, n)) U

A convolution counts as the matrix (out, k k in), whose columns lie as the kernel does in memory. The factor 0.2
sqrt(max(m, n)) gives an update the size of one of AdamW, so that one learning rate suits both (Liu et al. 2025,
equation 4). Trainings in bfloat16 orthogonalise in it too, as the reference implementation does.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic that draws singular values towards 1
ITERATIONS = 5
RESTART = 2  # iterations after which the Gram matrix is computed anew in bfloat16: it drifts, and X does not
NARROWEST = 16  # AdamW takes matrices with a shorter side


class Muon(torch.optim.Optimizer):
    """Muon for parameter groups with `matrices`, AdamW with `betas` and `eps` for the others. Weight decay is decoupled
    in both. With `half`, matrices are orthogonalised in bfloat16; all else stays in float32."""

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float],
        eps: float,
        momentum: float,
        *,
        half: bool = False,
    ) -> None:
        self.dtype = torch.bfloat16 if half else torch.float32
        super().__init__(groups, {"lr": lr, "betas": betas, "eps": eps, "momentum": momentum, "matrices": False})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # ty: ignore[incompatible-method-override]
        for group in self.param_groups:
            parameters: list[Tensor] = [p for p in group["params"] if p.grad is not None]
            if parameters:
                torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
                update = self._orthogonal if group["matrices"] else self._adam
                update(parameters, [p.grad for p in group["params"] if p.grad is not None], group)

    def _orthogonal(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        momenta = [self._state(p, "momentum") for p in parameters]
        torch._foreach_mul_(momenta, group["momentum"])
        torch._foreach_add_(momenta, gradients)
        ahead = torch._foreach_add(gradients, momenta, alpha=group["momentum"])
        by_shape: dict[tuple[int, int], list[int]] = {}
        for k, p in enumerate(parameters):
            by_shape.setdefault((len(p), p.numel() // len(p)), []).append(k)
        for (rows, columns), members in by_shape.items():
            matrices = torch.empty(len(members), rows, columns, dtype=self.dtype, device=parameters[members[0]].device)
            for k, matrix in zip(members, matrices, strict=True):
                rows_of = ahead[k].movedim(1, -1)
                matrix.view(rows_of.shape).copy_(rows_of)
            size = group["lr"] * 0.2 * math.sqrt(max(rows, columns))
            for k, update in zip(members, newton_schulz(matrices), strict=True):
                rows_of = parameters[k].movedim(1, -1)
                rows_of.add_(update.reshape(rows_of.shape), alpha=-size)

    def _adam(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        means = [self._state(p, "exp_avg") for p in parameters]
        squares = [self._state(p, "exp_avg_sq") for p in parameters]
        steps = [self._state(p, "step", scalar=True) for p in parameters]
        adamw(
            parameters,
            gradients,
            means,
            squares,
            [],
            steps,
            fused=True,
            amsgrad=False,
            maximize=False,
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=0.0,
            eps=group["eps"],
        )

    def _state(self, parameter: Tensor, name: str, *, scalar: bool = False) -> Tensor:
        state = self.state[parameter]
        if name not in state:
            state[name] = torch.zeros((), device=parameter.device) if scalar else torch.zeros_like(parameter)
        return state[name]


def newton_schulz(matrices: Tensor) -> Tensor:
    """Return approximately U V^T of each G = U S V^T, (N, m, n), in its dtype: singular values end up between 0.7 and
    1.2, in bfloat16 up to 1.5; those below a thousandth of the norm of G end up lower.

    The iteration X <- (a I + b X X^T + c (X X^T)^2) X multiplies X from the left by polynomials of its Gram matrix,
    which commute. So it runs on the m x m Gram matrix, and X itself is multiplied once: 2 to 3 times as fast for
    kernels, which are wide. The Gram matrix must not lose its small eigenvalues to rounding: in bfloat16 X is
    multiplied after RESTART iterations and again at the end.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    norms = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True, dtype=torch.float32)
    x = x * (1 / (norms + 1e-7)).to(x.dtype)
    stages = (RESTART, ITERATIONS - RESTART) if x.dtype == torch.bfloat16 else (ITERATIONS,)
    for iterations in stages:
        x = _iterated(x, iterations)
    return x.mT if tall else x


def _iterated(x: Tensor, iterations: int) -> Tensor:
    """Return (N, m, n) after so many iterations, computed on one Gram matrix."""
    a, b, c = COEFFICIENTS
    gram, product = x @ x.mT, None
    for k in range(iterations):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=1, dim2=2).add_(a)
        product = factor if product is None else factor @ product
        if k < iterations - 1:  # not needed after the last iteration
            gram = factor @ gram @ factor
    assert product is not None, "at least one iteration"
    return product @ x
