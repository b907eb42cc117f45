"""Mixtures as a scikit-learn estimator: ``pip install 'pathmix[sklearn]'``.

:class:`MixtureModel` has the methods of scikit-learn's ``GaussianMixture``, for every family that
:func:`pathmix.fit` fits, with missing entries and weights of rows.

Example:
    >>> import numpy as np
    >>> from pathmix.sklearn import MixtureModel
    >>> x = np.array([[0.0, 1.0], [0.1, np.nan], [0.3, 0.8], [5.0, 6.0], [5.2, 6.1], [5.1, 5.7]])
    >>> model = MixtureModel(n_components=2, covariance_type="diag", random_state=0).fit(x)
    >>> int(model.predict(x)[0] != model.predict(x)[-1])
    1
"""

import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array
from jaxtyping import Float, Int, Shaped

from pathmix import _estimation
from pathmix._checks import require_counts
from pathmix._estimation import Fit, Spherical, Structure, Tied, given_what_was_seen
from pathmix._mixture import MixtureSameFamily
from pathmix._tuning import SWEPT

try:
    from sklearn.base import BaseEstimator, DensityMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "expected scikit-learn 1.6 or newer, whose conventions pathmix.sklearn follows, found "
        "none. Run pip install 'pathmix[sklearn]'."
    ) from error

Rows = Float[np.ndarray, "n d"]
PerRow = Float[np.ndarray, " n"]

_NORMALS: dict[str, tuple[Any, Structure | None]] = {
    "full": (dist.MultivariateNormal, None),
    "tied": (dist.MultivariateNormal, Tied()),
    "diag": (dist.Normal, None),
    "spherical": (dist.Normal, Spherical()),
}
_ACCEPTED: dict[str, Any] = {"ensure_all_finite": "allow-nan"}


class MixtureModel(DensityMixin, BaseEstimator):
    """A mixture of components of one family, as an estimator of scikit-learn.

    Use it where a ``GaussianMixture`` goes: in pipelines, in ``GridSearchCV`` over held-out
    likelihood, to cluster and to find outliers. A NaN in the data is a missing entry, which is
    marginalised, in ``fit`` and in predictions. To have derivatives, labels, measurement errors or
    ``jax.vmap``, use :func:`pathmix.fit`.

    Precision follows the data, whatever JAX's own setting: float32 data are fitted in float32, all
    others in float64, and predictions have the precision of the fit. Of ``fit_`` and ``mixture_``
    only they are rounded to JAX's setting where they are read: ``with jax.enable_x64(True):`` has
    all digits.

    A fit compiles a program for each number of rows and of components that is new, for some
    seconds. Where that is most of the time, as in searches over many numbers of components,
    :func:`pathmix.select` is faster, or JAX's persistent compilation cache helps.

    Args:
        n_components: How many components.
        components: ``"normal"``, or what :func:`pathmix.start` takes: a class of NumPyro
            distributions, or a distribution whose parameters do not matter. A class of scalars
            becomes independent columns.
        covariance_type: Of normal components: ``"full"``, ``"tied"`` (one for all components),
            ``"diag"`` (independent columns) or ``"spherical"`` (one variance for all columns).
            For other components leave it at ``"full"``.
        n_init: From how many starts; the best fit is kept.
        max_iter: When to stop in any case.
        tol: When to stop: what is left to gain, as estimated, for each row. (GaussianMixture stops
            by the last gain, and earlier by default.)
        prior: As :func:`pathmix.fit` takes it. ``ConjugateNormal()`` keeps components of full or
            tied covariances from shrinking to a point, and so takes the place of ``reg_covar``.
        random_state: An integer, a ``RandomState`` or ``None``: of the starts, and of draws.

    Attributes:
        fit_: What :func:`pathmix.fit` returned, with ``degenerate``, ``icl`` and more.
        mixture_: The :class:`pathmix.MixtureSameFamily`.
        weights_: Of the components, ``k``.
        means_: Of the components, ``k d``, where their family has them.
        covariances_: Of the components, as in ``GaussianMixture``: ``k d d``, ``d d`` if tied,
            ``k`` if spherical, and ``k d``, variances, if columns are independent.
        lower_bound_: The log likelihood for each row, by weight, of the data that were fitted.
        converged_: Whether the fit converged; otherwise it has warned.
        n_iter_: How many steps it took.
        n_features_in_: How many columns.
        feature_names_in_: Their names, of a data frame.

    Example:
        >>> import numpy as np
        >>> from pathmix.sklearn import MixtureModel
        >>> waiting = np.array([[54.0], [51.0], [55.0], [53.0], [79.0], [85.0], [88.0], [81.0]])
        >>> model = MixtureModel(n_components=2, random_state=0).fit(waiting)
        >>> print(np.sort(model.means_, axis=0).round(2).ravel())
        [53.25 83.25]
        >>> short, long = model.predict([[50.0], [90.0]])
        >>> bool(short == long)
        False
    """

    def __init__(
        self,
        n_components: Any = 1,
        *,
        components: Any = "normal",
        covariance_type: Any = "full",
        n_init: Any = 1,
        max_iter: Any = 1000,
        tol: Any = 1e-8,
        prior: Any = None,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.components = components
        self.covariance_type = covariance_type
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.prior = prior
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "MixtureModel":
        """Fit the mixture to data.

        Args:
            X: Rows, ``n d``; NaN for a missing entry.
            y: Ignored.
            sample_weight: How often each row counts, ``n``; whole numbers are repetitions.

        Raises:
            TypeError: ``components`` or ``prior`` is nothing to fit, or ``X`` is sparse.
            ValueError: A setting is out of its range, or the data do not fit the components.
            NotImplementedError: Missing entries in a family whose margins are not known.
        """
        del y
        family, structure = _family(self.components, self.covariance_type)
        self._check_numbers()
        X = validate_data(
            self, X, **_ACCEPTED, dtype=[np.float64, np.float32], ensure_min_samples=2
        )
        weights = None if sample_weight is None else np.asarray(sample_weight, X.dtype)
        with _precision(X.dtype):
            begun = _estimation.start(
                family,
                X,
                int(self.n_components),
                key=self._key(),
                weights=weights,
                structure=structure,
                num_starts=int(self.n_init),
            )
            found = _estimation.fit(
                begun,
                X,
                weights=weights,
                prior=self.prior,
                max_steps=int(self.max_iter),
                tolerance=float(self.tol),
            )
            self._fit: Fit = found
            self.weights_ = np.asarray(found.mixture.mixture_distribution.probs)
        self.converged_, self.n_iter_ = bool(found.converged), int(found.steps)
        self.lower_bound_ = float(found.log_likelihood) / float(found.num_observations)
        if not self.converged_:
            self._warn_of_the_end()
        return self

    def fit_predict(
        self, X: Any, y: Any = None, sample_weight: Any = None
    ) -> Int[np.ndarray, " n"]:
        """Fit the mixture, and return the most probable component of each row."""
        return self.fit(X, y, sample_weight=sample_weight).predict(X)

    def predict(self, X: Any) -> Int[np.ndarray, " n"]:
        """Return the most probable component of each row, given what is seen of it."""
        return np.argmax(self.predict_proba(X), axis=1)

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n k"]:
        """Return the probability of each component given what is seen of a row."""
        return self._evaluate(X)[0]

    def score_samples(self, X: Any) -> PerRow:
        """Return the log density of what is seen of each row; the smaller, the more unusual."""
        return self._evaluate(X)[1]

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of the log density over rows; the larger, the better."""
        del y
        return float(np.mean(self.score_samples(X)))

    def aic(self, X: Any) -> float:
        """Return Akaike's criterion on data, ``2 p − 2 log L``: the smaller, the better."""
        return 2 * self._num_parameters() - 2 * float(np.sum(self.score_samples(X)))

    def bic(self, X: Any) -> float:
        """Return Schwarz's criterion on data, ``p log n − 2 log L``: the smaller, the better."""
        log_f = self.score_samples(X)
        return self._num_parameters() * float(np.log(len(log_f))) - 2 * float(np.sum(log_f))

    def sample(self, n_samples: Any = 1) -> tuple[Shaped[np.ndarray, "n d"], Int[np.ndarray, " n"]]:
        """Return draws, and the component of each; the same ones each time for an integer seed."""
        check_is_fitted(self)
        require_counts(n_samples=n_samples)
        with _precision(self._dtype):
            draw = self._fit.mixture.sample_with_intermediates
            x, (index,) = draw(self._key(), (int(n_samples),))
            return np.asarray(x), np.asarray(index)

    @property
    def fit_(self) -> Fit:
        """What was found, in the precision that JAX works in."""
        return jax.tree.map(_as_now, self._fit)

    @property
    def mixture_(self) -> MixtureSameFamily:
        """The mixture, in the precision that JAX works in."""
        return self.fit_.mixture

    @property
    def means_(self) -> Float[np.ndarray, "k d"]:
        """The means of the components."""
        return self._of_components("mean")

    @property
    def covariances_(self) -> Float[np.ndarray, "..."]:
        """The covariances or variances of the components."""
        values = self._of_components("covariance_matrix", "variance")
        return {"tied": values[0], "spherical": values[:, 0]}.get(self.covariance_type, values)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Keep float64 through pickles, which JAX by itself reads as float32."""
        state = dict(super().__getstate__())
        if "_fit" in state:
            with _precision(self._dtype):
                state["_fit"] = self._dtype, pickle.dumps(self._fit)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_fit" in state:
            dtype, packed = state["_fit"]
            with _precision(dtype):
                state = {**state, "_fit": pickle.loads(packed)}
        super().__setstate__(state)

    @property
    def _dtype(self) -> np.dtype:
        """The precision of the fit."""
        return np.dtype(self._fit.log_likelihood.dtype)

    def _key(self) -> Array:
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        return jax.random.key(seed)

    def _num_parameters(self) -> int:
        check_is_fitted(self)
        return self._fit.num_parameters

    def _check_numbers(self) -> None:
        require_counts(n_components=self.n_components, n_init=self.n_init, max_iter=self.max_iter)
        if not isinstance(self.tol, int | float | np.number) or not self.tol >= 0:
            raise ValueError(f"expected tol ≥ 0, got {self.tol!r}.")

    def _warn_of_the_end(self) -> None:
        if self.n_iter_ >= self.max_iter:
            text = (
                f"expected convergence within max_iter={self.max_iter} steps, got none. Raise "
                "max_iter or tol."
            )
        else:
            text = (
                "expected convergence, got a component that shrinks to a point or to a plane. Fit "
                "fewer components, or full covariances with prior=ConjugateNormal()."
            )
        warnings.warn(text, ConvergenceWarning, stacklevel=3)

    def _evaluate(self, X: Any) -> tuple[Float[np.ndarray, "n k"], PerRow]:
        """The memberships of rows, and their log densities."""
        check_is_fitted(self)
        X = validate_data(self, X, **_ACCEPTED, dtype=self._dtype, reset=False)
        missing = bool(np.isnan(X).any())
        each = len(self.weights_) * X.shape[1] * (X.shape[1] if missing else 1)
        out = []
        with _precision(self._dtype):
            for part, n in _stretches(X, max(1, SWEPT // each)):
                both = given_what_was_seen(self._fit.mixture, part, missing=missing)
                out.append([np.asarray(t)[:n] for t in both])
        share, log_f = (np.concatenate(t) for t in zip(*out, strict=True))
        return share, log_f

    def _of_components(self, *names: str) -> np.ndarray:
        """The first of some moments that the components have."""
        with _precision(self._dtype):
            d = self._fit.mixture.components_distribution
            name = next(name for name in names if name in dir(d))
            try:
                return np.asarray(getattr(d, name))
            except NotImplementedError as error:
                raise AttributeError(f"{d} components have no known {name}.") from error


def _precision(dtype: np.dtype) -> Any:
    """A context in which JAX computes in this precision, in this thread."""
    return jax.enable_x64(dtype == np.float64)


def _as_now(leaf: Any) -> Any:
    """An array in the precision that JAX works in."""
    return jnp.asarray(np.asarray(leaf)) if isinstance(leaf, Array) else leaf


def _family(components: Any, covariance_type: Any) -> tuple[Any, Structure | None]:
    """What :func:`pathmix.start` takes."""
    if covariance_type not in _NORMALS:
        known = ", ".join(map(repr, _NORMALS))
        raise ValueError(f"expected covariance_type among {known}, got {covariance_type!r}.")
    if not isinstance(components, str):
        if covariance_type != "full":
            raise ValueError(
                f"expected covariance_type={covariance_type!r} with components='normal', got "
                f"components={components!r}. Leave it at 'full' for those."
            )
        return components, None
    if components != "normal":
        raise ValueError(
            "expected components to be 'normal', a class of NumPyro distributions such as "
            f"dist.Poisson, or a distribution, got {components!r}."
        )
    return _NORMALS[covariance_type]


def _stretches(X: Rows, most: int) -> Iterator[tuple[Rows, int]]:
    """Rows by parts whose sizes are powers of two, and how many of each are not repetitions.

    So predictions for any number of rows need few compiled programs, and memory for one part.
    """
    most = 1 << (most.bit_length() - 1)
    for first in range(0, len(X), most):
        part = X[first : first + most]
        size = 1 << (len(part) - 1).bit_length()
        yield np.pad(part, ((0, size - len(part)), (0, 0)), mode="edge"), len(part)
