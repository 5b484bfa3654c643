"""The charts of an analysis: plotly figures as plain data.

Colours are names of CSS properties (`--ink`): the page's script puts in those of the theme that is
on, so that dark, light and pictures need no second drawing, and nothing here imports plotly.
"""

from qbench.pipeline.analysis.figures.canvas import Chart, Figure
from qbench.pipeline.analysis.figures.confidence import cloud
from qbench.pipeline.analysis.figures.front import front
from qbench.pipeline.analysis.figures.noise import noise
from qbench.pipeline.analysis.figures.times import times
from qbench.pipeline.analysis.figures.weights import weights

__all__ = ["Chart", "Figure", "cloud", "front", "noise", "times", "weights"]
