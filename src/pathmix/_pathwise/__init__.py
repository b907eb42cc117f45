"""Pathwise gradients of draws: to component parameters and to mixture weights."""

from pathmix._pathwise._attach import attach as attach
from pathmix._pathwise._attach import attach_to_components as attach_to_components
from pathmix._pathwise._attach import component_velocity as component_velocity
from pathmix._pathwise._logits import weight_velocity as weight_velocity
