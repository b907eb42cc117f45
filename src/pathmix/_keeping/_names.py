"""Names of what may stand in a file: families, what wraps them, transforms, supports."""

from typing import Any

from numpyro.distributions import Distribution, constraints, transforms
from numpyro.distributions.constraints import Constraint
from numpyro.distributions.transforms import Transform

from pathmix._components import WRAPPERS, kinds
from pathmix._keeping._text import FileError, Node, entries
from pathmix._numpyro import is_inverse

PLAIN = (
    transforms.AbsTransform,
    transforms.IdentityTransform,
    transforms.OrderedTransform,
    transforms.SigmoidTransform,
    transforms.SoftplusTransform,
)
"""Transforms without arguments."""
ON_DOMAINS = (transforms.AffineTransform, transforms.ExpTransform)
"""Transforms that are told their domain."""
SUPPORTS: dict[str, Constraint] = {
    name: getattr(constraints, name)
    for name in (
        "real",
        "positive",
        "nonnegative",
        "unit_interval",
        "circular",
        "nonnegative_integer",
        "positive_integer",
        "boolean",
        "real_vector",
        "simplex",
    )
}


def class_name(kind: type) -> str:
    """Return the name of a class: of NumPyro's and ours without the module."""
    ours = kind.__module__.split(".")[0] in ("numpyro", "pathmix")
    return kind.__name__ if ours else f"{kind.__module__}.{kind.__qualname__}"


def class_named(name: str) -> type[Distribution]:
    """Return the class of a family that is known here, or of what wraps one."""
    for kind in (*kinds(), *WRAPPERS):
        if class_name(kind) == name:
            return kind
    raise FileError(
        f"it has components of the family {name!r:.80}, which is not known here. Import the module "
        "that makes it known by pathmix.families.register"
    )


def support_name(support: Constraint) -> str:
    """Return the name of a support, of those that can be kept."""
    for name, known in SUPPORTS.items():
        if type(support) is type(known) and bool(support == known):
            return name
    raise NotImplementedError(
        f"cannot keep a mixture whose support was stated as {support!r}: expected one of "
        f"{sorted(SUPPORTS)}. Leave it out, or keep the arrays (docs/recipes.md)."
    )


def support_named(name: str) -> Constraint:
    """Return the support of this name."""
    if name not in SUPPORTS:
        raise FileError(f"it states the support {name!r:.80}, of which there is none")
    return SUPPORTS[name]


def transform_node(t: Transform) -> Node:
    """Return the description of a transform, without its arrays."""
    if is_inverse(t):
        return {"class": "inverse", "of": transform_node(t.inv)}
    if type(t) in ON_DOMAINS:
        return {"class": type(t).__name__, "domain": support_name(t.domain)}
    if type(t) is transforms.ComposeTransform:
        return {"class": "ComposeTransform", "parts": [transform_node(part) for part in t.parts]}
    if type(t) in (*PLAIN, transforms.PowerTransform):
        return {"class": type(t).__name__}
    raise NotImplementedError(
        f"cannot keep components with a {type(t).__name__}: expected transforms of NumPyro without "
        "arguments, AffineTransform, ExpTransform or PowerTransform. Keep the arrays "
        "(docs/recipes.md)."
    )


def transform_of(node: Any, arrays: Any) -> Transform:
    """Return the transform that a node describes; ``arrays`` gives its arrays one by one."""
    kind = node.get("class") if type(node) is dict else None
    if kind == "inverse":
        (_, of) = entries(node, {"class": str, "of": dict})
        return transform_of(of, arrays).inv
    if kind == "ComposeTransform":
        (_, parts) = entries(node, {"class": str, "parts": list})
        return transforms.ComposeTransform([transform_of(part, arrays) for part in parts])
    if kind == "AffineTransform":
        (_, domain) = entries(node, {"class": str, "domain": str})
        return transforms.AffineTransform(next(arrays), next(arrays), support_named(domain))
    if kind == "ExpTransform":
        (_, domain) = entries(node, {"class": str, "domain": str})
        return transforms.ExpTransform(support_named(domain))
    entries(node, {"class": str})
    if kind == "PowerTransform":
        return transforms.PowerTransform(next(arrays))
    for plain in PLAIN:
        if plain.__name__ == kind:
            return plain()
    raise FileError(f"it has a transform {kind!r:.80}, of which there is none")
