"""Images with labels: reading an image folder, and drawing a made-up one.

`folder` ROOT -> DataSet, `images` file -> array, `synthetic` writes the made-up data set from
`lesions` (what they look like) and `rendering` (how a scanner shows them).
"""

from qbench.pipeline.data.folder import load, pictures
from qbench.pipeline.data.records import SPLITS, DataSet, Sample

__all__ = ["SPLITS", "DataSet", "Sample", "load", "pictures"]
