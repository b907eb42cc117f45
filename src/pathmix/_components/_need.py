"""What a mixture needs of a family that may not know it: the errors, each once."""

from collections.abc import Callable
from typing import Any

from pathmix._components._canonical import Canonical
from pathmix._components._groups import has_atoms, has_counts
from pathmix._components._known import known
from pathmix._components._one_of import OneOf
from pathmix._components._opaque import Opaque
from pathmix._components._outsider import title_of


def need(components: Canonical, name: str) -> Callable[..., Any]:
    """Return a capability of the components' family, or raise the error that says who has it."""
    found: Callable[..., Any] | None = getattr(components.family, name)
    if found is None:
        raise NotImplementedError(_TEXTS[name](components))
    return found


def check_pathwise(components: Canonical) -> None:
    """Raise ``NotImplementedError`` unless draws can carry pathwise gradients."""
    if has_atoms(components):
        raise NotImplementedError(
            "expected components without point masses for pathwise gradients, got "
            f"{components.family.name}: a draw jumps to a point mass when its weight grows. Use "
            "reparameterize=False with pathmix.expectation, by Stratified() or Score()."
        )
    # of a structure that is not known, what is inside may be
    inside = components.recipe.innermost if isinstance(components.recipe, Opaque) else None
    is_vector = components.event_dim and components.factors() is None
    if is_vector and (components.family_is_known or known(inside) is not None):
        need(components, "conditionals")
    need(components, "velocity")


def _no_cdf(components: Canonical) -> str:
    return (
        f"{components.family.name} components have no cumulative distribution function: expected a "
        f"scalar or factorised (Independent) family with a cdf, got event shape "
        f"{components.event_shape}. Estimate probabilities from draws instead"
        f"{_or_register(components)}"
    )


def _no_velocity(components: Canonical) -> str:
    if has_counts(components):
        return (
            "expected no counts among continuous components for derivatives of draws, got "
            f"{components.family.name}: a count stays while its mass changes. Use "
            "pathmix.expectation with Score()."
        )
    return (
        f"pathmix has no pathwise gradient for {components.family.name} components: expected a "
        "family with known log tails (see the table in the README), Independent or transformed "
        "ones, MultivariateNormal, LowRankMultivariateNormal, MultivariateStudentT or Dirichlet. "
        "Use reparameterize=False with a sum over components, by `component_log_probs`"
        f"{_or_register(components)}"
    )


def _no_conditionals(components: Canonical) -> str:
    return (
        f"{_class_of(components)} components with event shape {components.event_shape} "
        "have no known successive conditional distributions, which pathwise gradients of the "
        "mixture weights need: expected scalar or factorised (Independent) components, "
        "MultivariateNormal, LowRankMultivariateNormal, MultivariateStudentT or Dirichlet. Use "
        "reparameterize=False with a sum over components, by `component_log_probs`."
    )


def _class_of(components: Canonical) -> str:
    d = components.plain
    return components.family.name if isinstance(d, OneOf) else title_of(d)


def _no_covariance(components: Canonical) -> str:
    return (
        f"pathmix knows no covariance for {components.family.name} components: expected "
        "MultivariateNormal, LowRankMultivariateNormal, MultivariateStudentT, Dirichlet or "
        "an Independent family with a variance. Use `variance`, or estimate it from draws."
    )


def _no_moment(name: str) -> Callable[[Canonical], str]:
    return lambda components: (
        f"{components.family.name} components have no closed-form {name}. Estimate it from draws."
    )


def _or_register(components: Canonical) -> str:
    """The end of a sentence; of an unknown family, how to make it known."""
    if components.family_is_known:
        return "."
    return ", or make the family known: pathmix.families.register (docs/families.md)."


_TEXTS: dict[str, Callable[[Canonical], str]] = {
    "log_cdf": _no_cdf,
    "log_survival": _no_cdf,
    "velocity": _no_velocity,
    "conditionals": _no_conditionals,
    "covariance": _no_covariance,
    "mean": _no_moment("mean"),
    "variance": _no_moment("variance"),
}
