"""What rows of distributions of TFP on JAX and of Distrax are: two components, and points.

Points are in the body of a support and far out in it. Where only the outcome of a class can be
looked at there (it loses its digits, see the row), they end where its values are good.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import distrax
import numpy as np
import tensorflow_probability.substrates.jax as tfp

WARNINGS = (
    "ignore:shape requires ndarray:DeprecationWarning",
    "ignore:The 'warn' function is deprecated:DeprecationWarning",
)
"""Of JAX and absl, about how TFP calls them."""
tfd, tfb = tfp.distributions, tfp.bijectors
linalg = tfp.tf2jax.linalg
LINE = [-60.0, -3.0, -0.4, 0.0, 0.7, 5.0, 80.0]
HALF = [1e-8, 0.03, 0.4, 1.0, 2.5, 30.0]
UNIT = [1e-7, 0.02, 0.3, 0.6, 0.97]
COUNTS = [0, 1, 2, 5, 40]
L2 = np.array([[[1.0, 0.0], [0.5, 2.0]], [[0.7, 0.0], [-1.0, 0.4]]])
VECTORS = [[0.1, -0.2], [3.0, 1.0], [-20.0, 15.0]]
SIMPLEX = [[0.2, 0.3, 0.5], [0.9, 0.05, 0.05], [1e-6, 0.4, 0.6 - 1e-6]]
LOCS = np.array([[0.0, 1.0], [0.5, -1.0]])
PROBS3 = np.array([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]])
LOGITS3 = np.log(PROBS3) + 0.3
A, B = np.array([0.8, 2.5]), np.array([1.5, 0.6])


class Row(NamedTuple):
    """A family, as two components."""

    name: str
    variant: str
    make: Callable[..., Any]
    """From parameters to the distribution."""
    parameters: dict[str, np.ndarray]
    """Those that have derivatives."""
    x: Any
    rtol: float = 1e-6

    def __str__(self) -> str:
        return f"{self.name} {self.variant}".strip()

    def points(self) -> np.ndarray:
        """Values, ``points *event``."""
        return np.asarray(self.x)


def tfp_row(name: str, x: Any, variant: str = "", fixed: Any = None, **parameters: Any) -> Row:
    """A row of a class by its own arguments, of which ``fixed`` ones have no derivatives."""
    kind, fixed = getattr(tfd, name), fixed or {}
    return Row(name, variant, lambda **p: kind(**p, **fixed), _arrays(parameters), x)


def distrax_row(name: str, x: Any, variant: str = "", fixed: Any = None, **parameters: Any) -> Row:
    kind, fixed = getattr(distrax, name), fixed or {}
    return Row(name, variant, lambda **p: kind(**p, **fixed), _arrays(parameters), x)


def made(name: str, variant: str, make: Any, x: Any, **parameters: Any) -> Row:
    """A row of a class that takes distributions, bijectors or linear operators."""
    return Row(name, variant, make, _arrays(parameters), x)


def _arrays(parameters: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(value, float) for name, value in parameters.items()}


def lower(matrix: Any) -> Any:
    return linalg.LinearOperatorLowerTriangular(matrix)


def process(kind: Any, amplitude: Any, **more: Any) -> Any:
    kernel = tfp.math.psd_kernels.ExponentiatedQuadratic(amplitude=amplitude)
    points = np.array([[0.0], [0.7]])
    return kind(kernel=kernel, index_points=points, observation_noise_variance=0.1, **more)


def regression(kind: Any, amplitude: Any, **more: Any) -> Any:
    seen, values = np.array([[0.3], [1.5]]), np.array([0.2, -0.4])
    return process(kind, amplitude, observation_index_points=seen, observations=values, **more)


def variational(a: Any) -> Any:
    inducing = np.array([[0.2], [1.0]])
    return process(
        tfd.VariationalGaussianProcess,
        a,
        inducing_index_points=inducing,
        variational_inducing_observations_loc=np.array([0.3, -0.1]),
        variational_inducing_observations_scale=0.5 * np.eye(2),
    )


MATRICES = [[[2.0, 0.3], [0.3, 1.0]], [[0.5, -0.1], [-0.1, 9.0]]]
CORRELATIONS = [[[1.0, 0.3], [0.3, 1.0]], [[1.0, -0.99], [-0.99, 1.0]]]
