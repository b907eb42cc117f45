"""torch's mixture of components from one family, with draws that carry gradients."""

import copy
from functools import cache
from typing import Any

import torch
import torch.distributions as td
from jax import Array

from pathmix._torch._bridge import Arrays, Function, call
from pathmix._torch._reading import Recipe, is_known, read, supported


class MixtureSameFamily(td.MixtureSameFamily):
    """``torch.distributions.MixtureSameFamily`` whose draws carry gradients, and with quantiles.

    Use it where torch's own goes. Constructor, draws (for the same seed), density, mean, variance
    and validation are torch's; gradients of draws, distribution functions and quantiles are those
    of :class:`pathmix.MixtureSameFamily`, computed by JAX on the same memory. They reach the
    weights, by ``logits`` or ``probs``, and every parameter of every component, to every order, in
    reverse and forward mode and under ``torch.func``.

    float64 is computed in float64 whatever JAX's settings, which are never changed; float32 and
    smaller types in float32. Programs are compiled once for each family, shape and type, for a
    second or more: keep the shape of draws the same from step to step. Where modes are far apart
    gradients in the weights come from a gap that hardly any draw visits: see ``docs/gradients.md``.

    Args:
        mixture_distribution: A ``torch.distributions.Categorical``, whose batch shape broadcasts
            to that of the components without their last axis.
        component_distribution: A distribution whose rightmost batch axis indexes the components.
            ``has_rsample`` says whether its family is known here: most of torch's continuous ones,
            ``Independent`` scalars, and classes that inherit the density of one, such as Pyro's.
        validate_args: As torch's, ``None`` follows its switch.

    Raises:
        ValueError: The two distributions do not fit together.

    Example:
        >>> import torch
        >>> from torch.distributions import Categorical, Normal
        >>> from pathmix.torch import MixtureSameFamily
        >>> logits = torch.zeros(2, requires_grad=True)
        >>> loc = torch.tensor([-1.0, 1.0], requires_grad=True)
        >>> mixture = MixtureSameFamily(Categorical(logits=logits), Normal(loc, 0.5))
        >>> _ = torch.manual_seed(0)
        >>> mixture.rsample((10_000,)).mean().backward()
        >>> print(logits.grad.numpy().round(1), loc.grad.numpy().round(1))
        [-0.5  0.5] [0.5 0.5]
    """

    _by: str
    """What the weights are given by."""

    def __init__(
        self,
        mixture_distribution: td.Categorical,
        component_distribution: td.Distribution,
        validate_args: bool | None = None,  # noqa: FBT001  (torch's signature)
    ) -> None:
        super().__init__(mixture_distribution, component_distribution, validate_args=validate_args)
        by_probs = mixture_distribution._param is vars(mixture_distribution).get("probs")
        self._by = "probs" if by_probs else "logits"

    @property
    def has_rsample(self) -> bool:
        """Whether draws carry gradients: whether the components' family is known."""
        return is_known(self._component_distribution)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "MixtureSameFamily":
        """Return the mixture with its batch broadcast to ``batch_shape``."""
        new = self._get_checked_instance(MixtureSameFamily, _instance)
        new._by = self._by
        return super().expand(batch_shape, _instance=new)

    def sample(self, sample_shape: Any = ()) -> torch.Tensor:
        """Draw ``*sample *batch *event`` without gradients, as torch does for the same seed.

        The weights may be shared by a batch of components, or have axes of size one.
        """
        spread = copy.copy(self)
        spread._mixture_distribution = self._mixture_distribution.expand(self.batch_shape)
        return super(MixtureSameFamily, spread).sample(torch.Size(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> torch.Tensor:
        """Draw ``*sample *batch *event`` with gradients to weights and all components' parameters.

        Raises:
            NotImplementedError: The components' family is not known.
        """
        self._require_known("rsample")
        return self.reparameterize_sample(self.sample(sample_shape))

    def reparameterize_sample(self, value: torch.Tensor) -> torch.Tensor:
        """Return ``value`` itself, carrying the pathwise gradients of a draw at that point.

        Any gradient that ``value`` has of its own passes through.

        Example:
            >>> import torch
            >>> from torch.distributions import Categorical, Normal
            >>> logits = torch.zeros(2, requires_grad=True)
            >>> components = Normal(torch.tensor([-1.0, 1.0]), 0.5)
            >>> mixture = MixtureSameFamily(Categorical(logits=logits), components)
            >>> mixture.reparameterize_sample(torch.tensor(0.2)).backward()
            >>> print(logits.grad.numpy().round(3))
            [-1.757  1.757]
        """
        self._require_known("reparameterize_sample")
        return self._of("reparameterize_sample", value)

    def cdf(self, value: Any) -> torch.Tensor:
        """Return ``P(X ≤ value)``, jointly over a factorised event.

        Of components that are not known here, torch's own where it has one.
        """
        if self.has_rsample:
            return self._of_value("cdf", value)
        try:
            return super().cdf(value)
        except NotImplementedError as error:  # torch's has no text
            raise self._unknown("cdf") from error

    def log_cdf(self, value: Any) -> torch.Tensor:
        """Return ``log P(X ≤ value)``, without underflow; jointly over a factorised event."""
        return self._of_value("log_cdf", value)

    def log_survival_function(self, value: Any) -> torch.Tensor:
        """Return ``log P(X > value)`` of a scalar mixture, without underflow."""
        return self._of_value("log_survival_function", value)

    def icdf(self, value: Any) -> torch.Tensor:
        """Return the smallest ``x`` with ``P(X ≤ x) ≥ value`` of a scalar mixture.

        ``value`` broadcasts against the batch; 0 and 1 give the ends of the support, values outside
        [0, 1] NaN. Derivatives in it and in every parameter are those of the implicit function.

        Example:
            >>> import torch
            >>> from torch.distributions import Categorical, Normal
            >>> components = Normal(torch.tensor([-3.0, 3.0]), 1.0)
            >>> mixture = MixtureSameFamily(Categorical(probs=torch.ones(2)), components)
            >>> print(f"{mixture.icdf(mixture.cdf(2.5)):.3f}")
            2.500
        """
        self._require_known("icdf")
        return self._of("icdf", value)

    def _of_value(self, name: str, value: Any) -> torch.Tensor:
        """A function of values, which are checked as torch checks them."""
        self._require_known(name)
        value = self._as_tensor(value)
        if self._validate_args:
            self._validate_sample(value)
        return self._of(name, value)

    def _of(self, name: str, value: Any) -> torch.Tensor:
        """A method of our mixture, of these tensors."""
        recipe, tensors = self._read()
        return call(_method(name, recipe), self._as_tensor(value), *tensors)

    def _read(self) -> tuple[Recipe, tuple[torch.Tensor, ...]]:
        """How our mixture is made of tensors, and these: the weights come first."""
        weights: torch.Tensor = getattr(self._mixture_distribution, self._by)
        if weights.ndim > 1 and weights.shape[:-1] != self.batch_shape:
            weights = weights.expand(*self.batch_shape, -1)
        recipe, parameters = read(self._by, self._component_distribution)
        return recipe, (weights, *parameters)

    def _as_tensor(self, value: Any) -> torch.Tensor:
        """A value; a number of Python's has all the digits that the parameters have."""
        if isinstance(value, torch.Tensor):
            return value
        like = self._mixture_distribution._param
        dtype = torch.promote_types(like.dtype, self._read()[1][1].dtype)
        return torch.as_tensor(value, dtype=dtype, device=like.device)

    def _require_known(self, name: str) -> None:
        if not self.has_rsample:
            raise self._unknown(name)

    def _unknown(self, name: str) -> NotImplementedError:
        return NotImplementedError(
            f"expected components of a family that pathmix.torch knows for `{name}` "
            f"({supported()}, or Independent scalars of these), got "
            f"{self._component_distribution}. `sample` and `log_prob` are torch's, for every "
            "family."
        )


@cache
def _method(name: str, recipe: Recipe) -> Function:
    """A method of the mixture as a function of a value, the weights and the parameters."""

    def method(value: Array, *tensors: Array) -> Arrays:
        return (getattr(recipe.mixture(*tensors), name)(value),)

    return method
