"""Pathwise gradients of draws: to component parameters and to mixture weights."""

from pathmix._pathwise._attach import attach as attach
from pathmix._pathwise._attach import attach_to_components as attach_to_components
from pathmix._pathwise._attach import mixture_velocity as mixture_velocity
from pathmix._pathwise._attach import reparameterized as reparameterized
