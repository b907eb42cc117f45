"""Gradients of torch's draws are unbiased: closed-form expectations of normal mixtures.

Each derivative of each expectation lies within 4 standard errors of the exact one. The same check
rejects draws without a gradient in the weights, and those that only their own component moves.
Seeds are fixed; a change of the random stream fails a test with probability below 1 %.
"""

import math
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch: pip install 'pathmix[torch]'")

from torch import distributions as td  # noqa: E402

from pathmix.torch import MixtureSameFamily  # noqa: E402

CHUNKS, CHUNK = 100, 4_000
BOUND = 4
A = {1: [1.5], 2: [1.0, -0.7]}
LOGITS = [0.3, -0.4, 0.1]
LOC2 = [[-1.0, 0.3], [0.5, -0.6], [1.0, 1.0]]
PARAMETERS = {
    "Normal": {"loc": [-1.0, 0.5, 1.5], "scale": [0.8, 1.2, 0.6]},
    "Independent": {"loc": LOC2, "scale": [[0.8, 1.1], [1.2, 0.7], [0.9, 0.9]]},
    "scale_tril": {
        "loc": LOC2,
        "scale_tril": [
            [[0.8, 0.0], [0.4, 1.0]],
            [[1.2, 0.0], [-0.5, 0.7]],
            [[0.9, 0.0], [0.2, 0.8]],
        ],
    },
    "covariance_matrix": {
        "loc": LOC2,
        "covariance_matrix": [
            [[0.6, 0.3], [0.3, 1.2]],
            [[1.4, -0.6], [-0.6, 0.7]],
            [[0.8, 0.2], [0.2, 0.7]],
        ],
    },
    "precision_matrix": {
        "loc": LOC2,
        "precision_matrix": [
            [[1.6, 0.3], [0.3, 0.9]],
            [[0.9, -0.4], [-0.4, 1.7]],
            [[1.1, 0.2], [0.2, 1.3]],
        ],
    },
}


def parameters(name, dtype):
    given = {"logits": LOGITS, **PARAMETERS[name]}
    return {k: torch.tensor(v, dtype=dtype, requires_grad=True) for k, v in given.items()}


def components(name, p):
    if name == "Normal":
        return td.Normal(p["loc"], p["scale"])
    if name == "Independent":
        return td.Independent(td.Normal(p["loc"], p["scale"]), 1)
    return td.MultivariateNormal(p["loc"], **{name: p[name]})


def moments(name, p):
    """Means ``k d`` and covariances ``k d d``, as functions of the parameters."""
    loc = p["loc"].reshape(3, -1)
    if "scale" in p:
        return loc, torch.diag_embed(p["scale"].reshape(3, -1) ** 2)
    if name == "scale_tril":
        return loc, p[name].tril() @ p[name].tril().mT
    # torch reads the lower triangle of a matrix, whose upper one does not move
    whole = p[name].tril() + p[name].tril(-1).mT
    return loc, whole if name == "covariance_matrix" else torch.linalg.inv(whole)


def functions(x):
    """What the expectations are of, stacked: of a scalar, or of a pair."""
    a = torch.tensor(A[max(x.ndim, 1)], dtype=x.dtype)
    if x.ndim == 1:
        return torch.stack([x, x**2, torch.sin(a[0] * x)])
    first, second = x.unbind(-1)
    return torch.stack([first, second**2, (x**2).sum(-1), first * second, torch.sin(x @ a)])


def exact(name, p):
    """The expectations of ``functions``, from the moments of each component."""
    loc, covariance = moments(name, p)
    second = covariance + loc[:, :, None] * loc[:, None, :]
    a = torch.tensor(A[loc.shape[1]], dtype=loc.dtype)
    sine = torch.sin(loc @ a) * torch.exp(-0.5 * (covariance @ a @ a))
    if loc.shape[1] == 1:
        each = [loc[:, 0], second[:, 0, 0], sine]
    else:
        trace = second.diagonal(0, -2, -1).sum(-1)
        each = [loc[:, 0], second[:, 1, 1], trace, second[:, 0, 1], sine]
    return torch.stack(each) @ p["logits"].softmax(-1)


def pathwise(name, p):
    return MixtureSameFamily(td.Categorical(logits=p["logits"]), components(name, p)).rsample(
        (CHUNK,)
    )


def zeroed(name, p):
    """Mutant: no gradient in the logits."""
    return pathwise(name, {**p, "logits": p["logits"].detach()}) + 0 * p["logits"].sum()


def ancestral(name, p):
    """Mutant: only the selected component moves its draws, and the choice has no gradient."""
    index = td.Categorical(logits=p["logits"]).sample((CHUNK,))
    each = components(name, p).rsample((CHUNK,))
    return each[torch.arange(CHUNK), index] + 0 * p["logits"].sum()


def jacobian(values, p):
    rows = [torch.autograd.grad(v, list(p.values()), retain_graph=True) for v in values]
    return [torch.stack(each).numpy() for each in zip(*rows, strict=True)]


@cache
def deviations(name, draw):
    """Distances of the averaged derivatives from the exact ones, in standard errors."""
    torch.manual_seed(5)
    p = parameters(name, torch.float32)
    chunks = [jacobian(functions(draw(name, p)).mean(-1), p) for _ in range(CHUNKS)]
    of_exact = parameters(name, torch.float64)
    truth = jacobian(exact(name, of_exact), of_exact)
    found = {}
    for key, each, wanted in zip(p, zip(*chunks, strict=True), truth, strict=True):
        each = np.stack(each).astype("float64")
        if key in ("covariance_matrix", "precision_matrix"):
            # torch spreads the derivative of a symmetric matrix over both of its triangles
            each = np.tril(each) + np.tril(np.swapaxes(each, -1, -2), -1)
        error = each.std(axis=0, ddof=1) / math.sqrt(CHUNKS)
        # the rounding of float32, so that a derivative that is exactly constant is not 0/0
        found[key] = (each.mean(axis=0) - wanted) / (error + 1e-6 * (1 + np.abs(wanted)))
    return found


def worst(found):
    return max(np.abs(each).max() for each in found.values())


@pytest.mark.parametrize(
    "name",
    [
        "Normal",
        pytest.param("Independent", marks=pytest.mark.slow),
        "covariance_matrix",
        pytest.param("scale_tril", marks=pytest.mark.slow),
        pytest.param("precision_matrix", marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_gradients(name):
    """Of every expectation in the logits and every parameter of every component."""
    found = deviations(name, pathwise)
    assert set(found) == {"logits", *PARAMETERS[name]}
    assert worst(found) < BOUND


@pytest.mark.parametrize(
    ("mutant", "name"),
    [
        (zeroed, "Normal"),
        (ancestral, "Normal"),
        (ancestral, "Independent"),
        (ancestral, "covariance_matrix"),
    ],
)
def test_mutants_are_rejected(mutant, name):
    """Wrong in the logits for every one of the expectations; right in the components."""
    found = dict(deviations(name, mutant))
    by_function = np.abs(found.pop("logits")).max(axis=1)
    assert by_function.min() > 2 * BOUND
    assert worst(found) < BOUND
