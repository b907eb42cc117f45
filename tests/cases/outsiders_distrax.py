"""Distributions of Distrax that have counterparts: two components of each, and points."""

import distrax
import numpy as np

from cases.outsider_rows import (
    HALF,
    L2,
    LINE,
    LOCS,
    LOGITS3,
    PROBS3,
    SIMPLEX,
    UNIT,
    VECTORS,
    A,
    B,
    Row,
    distrax_row,
    made,
    tfb,
)

DISTRAX: list[Row] = [
    distrax_row("Normal", LINE, loc=A, scale=B),
    distrax_row("LogStddevNormal", LINE, loc=A, log_scale=B),
    distrax_row("Laplace", LINE, loc=A, scale=B),
    distrax_row("Logistic", LINE, loc=A, scale=B),
    distrax_row("Gumbel", [-3.0, -0.4, 0.0, 5.0, 80.0], loc=A, scale=B),
    distrax_row("Gamma", [*HALF, 700.0], concentration=A, rate=B),
    distrax_row("Beta", UNIT, alpha=A, beta=B),
    distrax_row("Uniform", [0.0, 0.3, 1.9], low=[-1.0, 0.0], high=[2.0, 5.0]),
    distrax_row("VonMises", [-3.1, -1.0, 0.2, 3.0], loc=A, concentration=B),
    distrax_row("Bernoulli", [0, 1], "by logits", logits=[0.8, -40.0]),
    distrax_row("Bernoulli", [0, 1], "by probs", probs=[0.2, 0.6]),
    distrax_row("Categorical", [0, 1, 2], "by logits", logits=LOGITS3),
    distrax_row("Categorical", [0, 1, 2], "by probs", probs=PROBS3),
    distrax_row("Softmax", [0, 1, 2], "", {"temperature": 2.0}, logits=LOGITS3),
    distrax_row("Greedy", [0, 1], preferences=LOGITS3[:, ::-1]),
    distrax_row("EpsilonGreedy", [0, 1, 2], "", {"epsilon": 0.2}, preferences=LOGITS3),
    distrax_row("OneHotCategorical", np.eye(3, dtype=int), "by logits", logits=LOGITS3),
    distrax_row("OneHotCategorical", np.eye(3, dtype=int), "by probs", probs=PROBS3),
    distrax_row(
        "Multinomial", [[1, 2, 4], [7, 0, 0]], "by logits", {"total_count": 7}, logits=LOGITS3
    ),
    distrax_row(
        "Multinomial", [[1, 2, 4], [7, 0, 0]], "by probs", {"total_count": 7}, probs=PROBS3
    ),
    distrax_row("Dirichlet", SIMPLEX, concentration=[[1.0, 2.0, 0.5], [3.0, 1.0, 4.0]]),
    distrax_row("Deterministic", [0.8, 1.0], loc=[0.8, 2.5]),
    distrax_row("MultivariateNormalDiag", VECTORS, loc=LOCS, scale_diag=[[1.0, 2.0], [0.3, 4.0]]),
    distrax_row("MultivariateNormalTri", VECTORS, "lower", loc=LOCS, scale_tri=L2),
    distrax_row(
        "MultivariateNormalTri",
        VECTORS,
        "upper",
        {"is_lower": False},
        loc=LOCS,
        scale_tri=L2.swapaxes(-1, -2),
    ),
    distrax_row(
        "MultivariateNormalFullCovariance",
        VECTORS,
        loc=LOCS,
        covariance_matrix=L2 @ L2.swapaxes(-1, -2),
    ),
    distrax_row(
        "MultivariateNormalDiagPlusLowRank",
        VECTORS,
        loc=LOCS,
        scale_diag=np.abs(LOCS) + 1,
        scale_u_matrix=[[[0.3], [0.6]], [[0.1], [-0.2]]],
    ),
    made(
        "MultivariateNormalFromBijector",
        "",
        lambda loc, m: distrax.MultivariateNormalFromBijector(loc, distrax.TriangularLinear(m)),
        VECTORS,
        loc=LOCS,
        m=L2,
    ),
    made(
        "Independent",
        "",
        lambda loc, s: distrax.Independent(distrax.Normal(loc, s), 1),
        VECTORS,
        loc=LOCS,
        s=np.abs(LOCS) + 0.5,
    ),
    made(
        "Transformed",
        "by a shift and a scale",
        lambda loc, s: distrax.Transformed(
            distrax.Gumbel(np.zeros(2), 1.0), distrax.ScalarAffine(loc, s)
        ),
        [-1.0, 0.3, 60.0],
        loc=A,
        s=B,
    ),
    made(
        "Transformed",
        "by tanh of a sigmoid",
        lambda loc: distrax.Transformed(
            distrax.Normal(loc, 1.0), distrax.Chain([distrax.Tanh(), distrax.Sigmoid()])
        ),
        [0.01, 0.3, 0.75],
        loc=A,
    ),
    made(
        "Transformed",
        "by a bijector of TFP",
        lambda loc: distrax.Transformed(distrax.Normal(loc, 1.0), tfb.Exp()),
        HALF,
        loc=A,
    ),
    made(
        "Transformed",
        "coordinate by coordinate",
        lambda loc: distrax.Transformed(
            distrax.MultivariateNormalDiag(loc, np.ones((2, 2))), distrax.Block(distrax.Tanh(), 1)
        ),
        [[0.1, -0.99], [0.7, 0.2]],
        loc=LOCS,
    ),
    made(
        "MixtureSameFamily",
        "",
        lambda loc, p: distrax.MixtureSameFamily(
            distrax.Categorical(probs=p), distrax.Normal(loc, 1.0)
        ),
        LINE,
        loc=LOCS,
        p=[[0.2, 0.8], [0.5, 0.5]],
    ),
    made(
        "MixtureOfTwo",
        "",
        lambda loc, p: distrax.MixtureOfTwo(p, distrax.Normal(loc, 1.0), distrax.Laplace(loc, 1.0)),
        LINE,
        loc=A,
        p=0.2,
    ),
]
