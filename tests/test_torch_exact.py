"""Gradients of torch's draws at fixed points, against the map at fixed noise and its tails.

JAX stays at float32 here, as users of torch find it: what float64 tensors keep is theirs.
"""

import numpy as np
import pytest
from mpmath import mp, mpf

from cases import pathwise as cases
from cases.attached import FIRST, NORMAL, SECOND, close
from cases.quantiles import quantile_differences

torch = pytest.importorskip("torch", reason="PyTorch: pip install 'pathmix[torch]'")

from torch import distributions as td  # noqa: E402

from pathmix._torch._reading import TABLE  # noqa: E402
from pathmix.torch import MixtureSameFamily  # noqa: E402

ROWS = [row for row in cases.SCALARS if row.name in {kind.__name__ for kind in TABLE}]
VECTORS = {"Dirichlet", "MultivariateNormal", "LowRankMultivariateNormal"}
LOC, SCALE = (-1.0, 1.0), 0.5
FAR = [sign * x for x in (3.0, 3.5, 4.0, 6.0, 10.0) for sign in (-1, 1)]


def components(row, theta):
    return getattr(td, row.name)(**{name: theta[name] for name in row.parameters})


def mixture(row, theta):
    return MixtureSameFamily(td.Categorical(logits=theta["weights"]), components(row, theta))


def drawn(mixture, at):
    """`rsample`, where torch draws these points."""
    mixture.sample = lambda shape: at.expand(*shape)
    return mixture.rsample(at.shape)


def along(row, tangent, draw, orders):
    """First and second derivatives of draws, by reverse mode over reverse mode."""
    # one step for each point, so that its derivative is that of its point alone
    step = torch.zeros(len(row.points), dtype=torch.float64, requires_grad=True)
    theta = {}
    for name, start in row.theta().items():
        t = step.reshape(-1, *[1] * start.ndim)
        theta[name] = torch.from_numpy(start) + t * torch.from_numpy(tangent[name])
    x = draw(mixture(row, theta), torch.from_numpy(row.points))
    found = []
    for order in range(1, orders + 1):
        (x,) = torch.autograd.grad(x.sum(), step, create_graph=order < orders)
        found.append(x.detach().numpy())
    return found


def check(row, draw=drawn, orders=2):
    names, tangents = row.directions()
    for n, name in enumerate(names):
        tangent = {key: value[n] for key, value in tangents.items()}
        wanted = np.array([quantile_differences(row, tangent, x) for x in row.points])
        for found, (order, tolerance) in zip(
            along(row, tangent, draw, orders), enumerate([FIRST, SECOND]), strict=False
        ):
            close(found, wanted[:, order], tolerance, f"order {order + 1}, d/d{name}")


@pytest.mark.parametrize("row", cases.quick_or_slow(pytest, ROWS))
def test_a_draw_moves_as_the_quantile_at_fixed_probability(row):
    """To second order in the logits and each parameter, a mixture for each point."""
    check(row)


def without_softmax(mixture, at):
    """Mutant: the gradient in the weights passed off as that in the logits."""
    by_logits = mixture.mixture_distribution
    fixed = by_logits.probs.detach()
    moved = fixed + by_logits.logits - by_logits.logits.detach()
    by_probs = td.Categorical(probs=moved, validate_args=False)
    return drawn(MixtureSameFamily(by_probs, mixture.component_distribution), at)


def first_order_only(mixture, at):
    """Mutant: a second derivative in which the point stays where it is."""
    x = drawn(mixture, at)
    return x + 0 * mixture.mixture_distribution.logits.sum() ** 2 - (x - x.detach()) ** 2


@pytest.mark.parametrize(
    ("mutant", "text"),
    [(without_softmax, "order 1, d/dweights"), (first_order_only, "order 2, d/dweights")],
)
def test_the_check_fails_for_wrong_gradients(mutant, text):
    with pytest.raises(AssertionError, match=f"^{text}"):
        check(NORMAL, mutant)


def test_every_family_of_the_table_is_tested():
    assert {kind.__name__ for kind in TABLE} == {row.name for row in ROWS} | VECTORS


@pytest.mark.slow
def test_draws_move_exactly_by_the_tails_of_a_family():
    """The first order, of a family that is no location and scale."""
    check(next(row for row in ROWS if row.name == "Gamma"), orders=1)


# ---- tails ----


def exact(x, k):
    """``dx/dlogit_1`` of equal weights, and the logs of cdf and survival."""
    with mp.workdps(60):
        z = [(mpf(x) - mpf(m)) / mpf(SCALE) for m in LOC]
        F, S = [mp.ncdf(t) for t in z], [mp.ncdf(-t) for t in z]
        p = [mp.npdf(t) / mpf(SCALE) for t in z]
        # far in the upper tail cdfs differ by less than the working precision would show
        difference = S[0] - S[1] if x > 0 else F[1] - F[0]
        slope = -difference / 4 / (sum(p) / 2)
        return float([slope, mp.log(sum(F) / 2), mp.log(sum(S) / 2)][k])


def test_logit_gradients_are_exact_in_both_tails_in_float32():
    logits = torch.zeros(len(FAR), 2, requires_grad=True)
    far = MixtureSameFamily(
        td.Categorical(logits=logits),
        td.Normal(torch.tensor(LOC).expand(len(FAR), 2), torch.tensor(SCALE)),
    )
    far.sample = lambda shape: torch.tensor(FAR)
    (slopes,) = torch.autograd.grad(far.rsample().sum(), logits)
    wanted = np.array([exact(x, 0) for x in FAR])
    assert slopes.dtype == torch.float32
    np.testing.assert_allclose(slopes[:, 1], wanted, rtol=1e-4)
    np.testing.assert_allclose(slopes[:, 0], -wanted, rtol=1e-4)


def test_log_tails_do_not_underflow():
    even = MixtureSameFamily(
        td.Categorical(probs=torch.tensor([0.5, 0.5])), td.Normal(torch.tensor(LOC), SCALE)
    )
    for k, side, tail in (1, -1, even.log_cdf), (2, 1, even.log_survival_function):
        x = [side * abs(x) for x in FAR]
        # logarithms of up to 167 come from squares, which are good to a unit or two
        np.testing.assert_allclose(tail(torch.tensor(x)), [exact(t, k) for t in x], rtol=5e-7)
