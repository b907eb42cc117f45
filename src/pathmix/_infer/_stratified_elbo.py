"""The evidence lower bound of a guide with a mixture, one evaluation per component and draw."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
from jax import Array
from numpyro.handlers import trace
from numpyro.infer import ELBO, Trace_ELBO

from pathmix._infer._averages import Average, Bound, ImportanceWeighted, PerParticle
from pathmix._infer._log_joint import GuideRun, Programs, enumerated, log_joint, run_guide
from pathmix._infer._mixture_sites import Randomness, Strata
from pathmix._numpyro import find_stack_level
from pathmix._typing import Reals, Value

Outcome: TypeAlias = tuple[Reals, dict[str, Any]]
"""The bound by one particle, and the mutable state that the programs leave."""


class Stratified_ELBO(ELBO):  # noqa: N801  (as NumPyro names its objectives)
    """The evidence lower bound of a guide with a mixture, by a draw from each of its components.

    ``Trace_ELBO`` draws from the mixture, so that the gradient in its weights comes from the gaps
    between components, where hardly any draw falls (and from nowhere if draws do not move). Here
    the model is evaluated at a draw ``z_k`` of every component, all from the same noise, and the
    weights are summed over exactly: ``Σ_k w_k (log p(z_k) − log q(z_k))``. Gradients in the
    weights and in every parameter of the components are unbiased, and so are higher derivatives.
    Each particle costs as many evaluations of the model as there are components.

    The mixture is found at a latent or auxiliary site of the guide: a
    :class:`pathmix.MixtureSameFamily` or :class:`pathmix.Mixture`, whatever its ``reparameterize``
    says, or NumPyro's ``MixtureSameFamily``; alone, masked, or under transforms. Other sites are
    drawn as ``Trace_ELBO`` draws them, after the mixture once for each component; those whose
    draws carry no gradient by their score. Several mixtures, in the order of the guide, are summed
    over by all combinations. A guide without a mixture has the loss of ``Trace_ELBO``.

    A batch of mixtures, in a plate for example, has too many combinations: it is drawn as
    ``Trace_ELBO`` draws it, by pathwise gradients, which need ``reparameterize=True``. Discrete
    sites of the model that are marked ``infer={"enumerate": "parallel"}`` are summed out by
    NumPyro's enumeration, as ``TraceEnum_ELBO`` does it, which needs the package funsor. Mutable
    state is kept of a single particle: that of one component, chosen by the weights.

    Args:
        num_particles: How many draws per component to average.
        vectorize_particles: As in ``Trace_ELBO``: by ``vmap``, one after the other (``False``), or
            by a function. Components are always vectorised.
        importance_weighted: Whether to return the tighter bound
            ``log (1/T) Σ_t Σ_k w_k p(z_kt)/q(z_kt)`` of ``T`` particles (SIWAE). It rises to the
            log evidence as ``T`` grows, and asks the guide to cover the posterior rather than to
            lie within it; the signal of its gradients over their noise falls with ``T`` (Rainforth
            et al. 2018). For whole data only.
        sticking_the_landing: Whether to leave out the score of ``log q``, which has mean zero
            (Roeder et al. 2017). Then there is no noise at all where the guide is the posterior,
            and more than without where the posterior is nearly flat compared with the guide. It
            takes one more evaluation of the guide's density. Derivatives of every order stay
            unbiased: what is subtracted is a likelihood ratio, of mean one for every guide.
        max_evaluations: Up to how many evaluations of the model per particle further mixtures are
            summed over; the first one always is.
        multi_sample_guide: Not supported.

    Raises:
        ValueError: A mixture that has to be drawn, with ``reparameterize=False``; a discrete site
            that neither the guide draws nor the model enumerates; a subsampled plate with
            ``importance_weighted``.
        NotImplementedError: Draws without a gradient with ``importance_weighted``; mutable state
            beside enumerated sites.
        ImportError: Sites to be enumerated without funsor.

    References:
        W. Morningstar, S. Vikram, C. Ham, A. Gallagher, J. Dillon, *Automatic Differentiation
        Variational Inference with Mixtures*, AISTATS 2021. G. Roeder, Y. Wu, D. Duvenaud,
        *Sticking the Landing*, NeurIPS 2017. T. Rainforth et al., *Tighter Variational Bounds are
        Not Necessarily Better*, ICML 2018.

    Example:
        >>> import jax, jax.numpy as jnp, numpyro, numpyro.distributions as dist
        >>> from numpyro.infer import SVI
        >>> from pathmix import MixtureSameFamily
        >>> from pathmix.infer import Stratified_ELBO
        >>> def model():
        ...     z = numpyro.sample("z", dist.Normal(0.0, 3.0))
        ...     numpyro.sample("y", dist.Normal(jnp.abs(z), 0.5), obs=2.0)
        >>> def guide():
        ...     logits = numpyro.param("logits", jnp.array([1.0, 0.0]))
        ...     loc = numpyro.param("loc", jnp.array([-1.0, 1.0]))
        ...     mixture = MixtureSameFamily(dist.Categorical(logits=logits), dist.Normal(loc, 0.5))
        ...     numpyro.sample("z", mixture)
        >>> svi = SVI(model, guide, numpyro.optim.Adam(0.02), Stratified_ELBO(4))
        >>> params = svi.run(jax.random.key(0), 500, progress_bar=False).params
        >>> print(jax.nn.softmax(params["logits"]).round(2), params["loc"].round(1))
        [0.5 0.5] [-1.9  1.9]
    """

    can_infer_discrete = True

    def __init__(
        self,
        num_particles: int = 1,
        vectorize_particles: Any = True,  # noqa: FBT002  (NumPyro's signature)
        *,
        importance_weighted: bool = False,
        sticking_the_landing: bool = True,
        max_evaluations: int = 64,
        multi_sample_guide: bool = False,
    ) -> None:
        if multi_sample_guide:
            raise ValueError(
                "expected multi_sample_guide=False, got True: Stratified_ELBO draws one value per "
                "component itself. Use num_particles for several."
            )
        for name, number in {
            "num_particles": num_particles,
            "max_evaluations": max_evaluations,
        }.items():
            if number < 1:
                raise ValueError(f"expected {name} ≥ 1, got {number}.")
        self.importance_weighted = importance_weighted
        self.sticking_the_landing = sticking_the_landing
        self.max_evaluations = max_evaluations
        super().__init__(num_particles=num_particles, vectorize_particles=vectorize_particles)

    def loss_with_mutable_state(
        self,
        rng_key: Array,
        param_map: dict[str, Any],
        model: Callable[..., Any],
        guide: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return the negative bound and, of a single particle, the mutable state."""
        programs = Programs(model, guide, args, kwargs, param_map)
        if self.num_particles == 1:
            bound, mutable = self._particle(programs, rng_key)
            return {"loss": -bound, "mutable_state": mutable or None}
        keys = jax.random.split(rng_key, self.num_particles)
        bound = self._bound.of_particles(self._particles(programs, keys))
        return {"loss": -bound, "mutable_state": None}

    @property
    def _bound(self) -> Bound:
        if self.importance_weighted:
            return ImportanceWeighted()
        return Average(without_score=self.sticking_the_landing)

    def _evaluation(self, programs: Programs, key: Array) -> "_Evaluation":
        of_model, of_guide = jax.random.split(key)  # as Trace_ELBO splits it
        return _Evaluation(programs, of_model, of_guide, self._bound, self.max_evaluations)

    def _particle(self, programs: Programs, key: Array) -> Outcome:
        evaluation = self._evaluation(programs, key)
        run = evaluation.run({})
        if run.next is None and not run.by_score and not self.importance_weighted:
            plain = _plain(programs, key, run)
            if plain is not None:
                return plain
        return evaluation.bound(run, {})

    def _particles(self, programs: Programs, keys: Array) -> PerParticle:
        """Of several particles; a mixture that all share is drawn and evaluated once for all."""
        strata = self._evaluation(programs, keys[0]).run({}).next
        if strata is None or not strata.is_first:
            of_key = lambda key: _without_state(self._particle(programs, key))  # noqa: E731
            return self.vectorize_particles_fn(of_key, keys)
        draws = strata.draws(self.num_particles)

        def each(one: tuple[Array, Value]) -> Array:
            return _without_state(self._evaluation(programs, one[0]).of_each(strata, one[1], {}))

        alike = self.vectorize_particles is True and not _draws_more(
            each, (keys[0], draws.values[0])
        )
        if alike:  # one axis of particles and components makes faster programs than two
            flat = draws.values.reshape(-1, *draws.values.shape[2:])
            values = each((keys[0], flat)).reshape(self.num_particles, -1)
        else:
            values = self.vectorize_particles_fn(each, (keys, draws.values))
        return self._bound.of_strata(strata, draws, values)


def _draws_more(each: Callable[[Any], Array], one: Any) -> bool:
    """Whether programs draw anything else, so that particles differ by more than the mixture."""
    randomness = Randomness()
    with randomness:
        jax.eval_shape(each, one)
    return randomness.is_there


@dataclass(frozen=True)
class _Evaluation:
    """One particle: the programs, the keys of each, and what becomes of the log ratios."""

    programs: Programs
    of_model: Array
    of_guide: Array
    average: Bound
    max_evaluations: int

    def run(self, given: Mapping[str, Value], room: float = float("inf")) -> GuideRun:
        """Run the guide, some sites of which have their values."""
        return run_guide(self.programs, self.of_guide, given, room)

    def bound(self, run: GuideRun, given: Mapping[str, Value], count: int = 1) -> Outcome:
        """Return the bound from such a run, one of ``count``."""
        if run.next is not None:
            draws = run.next.draws()
            values, mutable = self.of_each(run.next, draws.values[0], given, count)
            bound = self.average.of_strata(run.next, draws, values[None])[0]
            return bound, _of_one(mutable, run.next)
        whole = isinstance(self.average, ImportanceWeighted)
        log_p, mutable = log_joint(self.programs, self.of_model, run, whole=whole)
        log_ratio = log_p - run.log_prob(given)
        return self.average.of_draw(log_ratio, run.score(), run.by_score), mutable

    def of_each(
        self, strata: Strata, draws: Value, given: Mapping[str, Value], count: int = 1
    ) -> Outcome:
        """Return the bounds by each component's draw, ``k …``, without the mixture's ``log q``."""
        total = count * strata.mixture.num_components

        def of(draw: Value) -> Outcome:
            known = {**given, strata.name: draw}
            return self.bound(self.run(known, self.max_evaluations / total), known, total)

        return jax.vmap(of)(draws)


def _without_state(outcome: Outcome) -> Reals:
    bound, mutable = outcome
    if mutable:  # in NumPyro's words
        text = "mutable state is currently ignored when num_particles > 1."
        warnings.warn(text, stacklevel=find_stack_level())
    return bound


def _of_one(mutable: dict[str, Any], strata: Strata) -> dict[str, Any]:
    """The state of one component, chosen by the weights, as if it alone had been drawn."""
    if not mutable:
        return {}
    k = jax.random.categorical(jax.random.fold_in(strata.key, 1), strata.weights.log())
    return {name: jax.tree.map(lambda each: each[k], state) for name, state in mutable.items()}


def _plain(programs: Programs, key: Array, run: GuideRun) -> Outcome | None:
    """What ``Trace_ELBO`` gives, unless sites of the model are to be summed out."""
    model_trace: dict[str, Any] = {}

    def model(*args: Any, **kwargs: Any) -> None:
        model_trace.update(trace(programs.model).get_trace(*args, **kwargs))

    rest = programs.params, model, programs.guide, *programs.args
    plain = Trace_ELBO().loss_with_mutable_state(key, *rest, **programs.kwargs)
    if enumerated(model_trace, run.trace):
        return None
    return -plain["loss"], plain["mutable_state"] or {}
