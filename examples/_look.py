"""One look for the pictures of all examples: colours that all eyes tell apart, and quiet axes."""

from io import BytesIO
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image  # which matplotlib saves pictures with

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
"""Okabe and Ito's palette, told apart by all common kinds of colour vision; neighbours contrast."""
BLUE, ORANGE, GREEN, PINK, SKY, RED = COLORS
INK, GREY, SHADE, BAND = "#222222", "#777777", "#e2e2e2", "#7b8fa8"
"""Of what all components have together, of what they are compared with, of data, and of bands."""

plt.rcParams |= {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.prop_cycle": plt.cycler(color=COLORS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "figure.dpi": 150,
    "font.size": 10,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "text.color": INK,
}


def save(figure: Figure, path: Path) -> None:
    """Save a picture in 256 colours, for which the eye sees no need of more, and close it."""
    drawn = BytesIO()
    figure.savefig(drawn)
    plt.close(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(drawn).convert("RGB").quantize(256).save(path, optimize=True)
