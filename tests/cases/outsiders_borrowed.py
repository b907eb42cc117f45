"""Distributions of TFP and Distrax that work by their own methods: two components, and points."""

import distrax
import numpy as np

from cases.outsider_rows import (
    HALF,
    L2,
    LINE,
    LOCS,
    LOGITS3,
    MATRICES,
    PROBS3,
    SIMPLEX,
    UNIT,
    VECTORS,
    A,
    B,
    Row,
    distrax_row,
    lower,
    made,
    tfb,
    tfd,
    tfp_row,
)

SPHERE = [[0.6, 0.8], [1.0, 0.0], [-0.8, 0.6]]
BORROWED_TFP: list[Row] = [
    tfp_row(
        "BetaQuotient",
        [0.1, 1.0, 3.0],
        concentration1_numerator=A,
        concentration0_numerator=B,
        concentration1_denominator=[3.0, 2.0],
        concentration0_denominator=B,
    ),
    made(
        "Blockwise",
        "",
        lambda loc: tfd.Blockwise([tfd.Normal(loc, 1.0), tfd.Cauchy(loc, 1.0)]),
        VECTORS,
        loc=A,
    ),
    tfp_row("ContinuousBernoulli", UNIT, probs=[0.2, 0.7]),
    tfp_row(
        "DeterminantalPointProcess",
        [[1, 0], [1, 1]],
        eigenvalues=[[0.5, 1.0], [2.0, 0.3]],
        eigenvectors=[np.eye(2), np.eye(2)],
    ),
    tfp_row("DoublesidedMaxwell", [-3.0, 0.7, 5.0], loc=A, scale=B),
    tfp_row("Empirical", [1.0, 2.0], samples=[[1.0, 1.0, 2.0], [2.0, 2.0, 2.0]]),
    tfp_row("ExpGamma", [-200.0, -1.0, 2.0], concentration=A, rate=B),
    tfp_row("ExpInverseGamma", [-2.0, 1.0, 200.0], concentration=A, scale=B),
    tfp_row("ExpRelaxedOneHotCategorical", np.log(SIMPLEX), temperature=B, logits=LOGITS3),
    tfp_row("ExponentiallyModifiedGaussian", [-3.0, 0.7, 9.0], loc=A, scale=B, rate=B),
    tfp_row(
        "FiniteDiscrete", [0.5, 2.0], "", {"outcomes": np.array([0.5, 1.0, 2.0])}, probs=PROBS3
    ),
    tfp_row("GammaGamma", HALF, concentration=A, mixing_concentration=[2.5, 3.0], mixing_rate=B),
    tfp_row("GeneralizedExtremeValue", [0.5, 2.0, 9.0], loc=A, scale=B, concentration=[0.1, 0.2]),
    tfp_row("GeneralizedNormal", LINE[1:-1], loc=A, scale=B, power=[1.5, 3.0]),
    tfp_row("GeneralizedPareto", [2.6, 4.0, 90.0], loc=A, scale=B, concentration=[0.1, 0.5]),
    tfp_row("Horseshoe", [-3.0, 0.7, 9.0], scale=B),
    tfp_row("InverseGaussian", [0.03, 1.0, 30.0], loc=A, concentration=B),
    tfp_row("JohnsonSU", LINE, skewness=A, tailweight=B, loc=A, scale=B),
    made(
        "LambertWDistribution",
        "",
        lambda loc, d: tfd.LambertWDistribution(tfd.Normal(loc, 1.0), loc, 1.0, d),
        [-3.0, 0.7, 5.0],
        loc=A,
        d=[0.1, 0.3],
    ),
    tfp_row("LambertWNormal", [-3.0, 0.7, 5.0], loc=A, scale=B, tailweight=[0.1, 0.3]),
    made(
        "MatrixTLinearOperator",
        "",
        lambda df, loc, m: tfd.MatrixTLinearOperator(df, loc, lower(m), lower(m)),
        [np.arange(4.0).reshape(2, 2)],
        df=[3.0, 7.0],
        loc=np.stack([LOCS, -LOCS]),
        m=L2,
    ),
    tfp_row("Moyal", [-1.0, 0.7, 9.0], loc=A, scale=B),
    tfp_row("NoncentralChi2", HALF, df=[2.5, 7.0], noncentrality=A),
    tfp_row(
        "NormalInverseGaussian",
        LINE[1:-1],
        loc=A,
        scale=B,
        tailweight=[2.0, 3.0],
        skewness=[0.1, -0.5],
    ),
    tfp_row("PlackettLuce", [[0, 2, 1], [1, 0, 2]], scores=PROBS3),
    tfp_row("PowerSpherical", SPHERE, mean_direction=SPHERE[:2], concentration=A),
    made(
        "QuantizedDistribution",
        "",
        lambda loc: tfd.QuantizedDistribution(tfd.Normal(loc, 1.0), low=-4.0, high=5.0),
        [-4.0, 0.0, 2.0, 5.0],
        loc=A,
    ),
    tfp_row("RelaxedOneHotCategorical", SIMPLEX, temperature=B, logits=LOGITS3),
    tfp_row("SigmoidBeta", LINE, concentration1=A, concentration0=B),
    tfp_row("SinhArcsinh", LINE[1:-1], loc=A, scale=B, skewness=[0.1, -0.5], tailweight=B),
    tfp_row("Skellam", [-3, 0, 7], rate1=A, rate2=B),
    tfp_row("StoppingRatioLogistic", [0, 1, 2], cutpoints=[[-1.0, 0.5], [0.0, 3.0]], loc=A),
    tfp_row("Triangular", [0.1, 1.0, 1.9], low=[-1.0, 0.0], high=[2.0, 5.0], peak=[0.0, 1.5]),
    tfp_row("TwoPieceNormal", LINE[1:-1], loc=A, scale=B, skewness=[0.7, 2.0]),
    tfp_row("TwoPieceStudentT", LINE, df=[3.0, 7.0], loc=A, scale=B, skewness=[0.7, 2.0]),
    tfp_row("VonMisesFisher", SPHERE, mean_direction=SPHERE[:2], concentration=A),
    tfp_row("Zipf", [1, 2, 9], power=[2.5, 3.5]),
    made(
        "TransformedDistribution",
        "by a bijector without a counterpart",
        lambda loc: tfd.TransformedDistribution(tfd.Normal(loc, 1.0), tfb.Sinh()),
        LINE,
        loc=A,
    ),
    tfp_row(
        "WishartTriL",
        np.linalg.cholesky(MATRICES),
        "of factors",
        {"input_output_cholesky": True},
        df=[3.0, 5.0],
        scale_tril=L2,
    ),
]

BORROWED_DISTRAX: list[Row] = [
    distrax_row(
        "CategoricalUniform", [0.1, 0.5, 0.9], low=[0.0, -0.5], high=[1.0, 1.5], logits=LOGITS3
    ),
    made(
        "Clipped",
        "",
        lambda loc: distrax.Clipped(distrax.Logistic(loc, 1.0), -1.0, 3.0),
        [-1.0, 0.5, 3.0],
        loc=A,
    ),
    distrax_row(
        "ClippedNormal", [-1.0, 0.5, 3.0], "", {"minimum": -1.0, "maximum": 3.0}, loc=A, scale=B
    ),
    distrax_row(
        "ClippedLogistic", [-1.0, 0.5, 3.0], "", {"minimum": -1.0, "maximum": 3.0}, loc=A, scale=B
    ),
    made(
        "Quantized",
        "",
        lambda loc: distrax.Quantized(distrax.Normal(loc, 1.0), -4.0, 5.0),
        [-4.0, 0.0, 2.0, 5.0],
        loc=A,
    ),
    made(
        "Transformed",
        "by a bijector without a counterpart",
        lambda loc: distrax.Transformed(distrax.Normal(loc, 1.0), tfb.Sinh()),
        LINE,
        loc=A,
    ),
]
