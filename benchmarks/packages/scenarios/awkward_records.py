"""Arrays of records built from Python objects."""

import awkward as ak
import numpy as np


def run() -> None:
    """Build an array."""
    array = ak.from_iter([{"x": [1, 2, 3], "y": 1.1}, {"x": [], "y": 2.2}])
    ak.to_list(array[:, "x"])
    ak.to_numpy(ak.Array(np.arange(1000)))
    form, length, buffers = ak.to_buffers(array)
    ak.from_buffers(form, length, buffers)
    ak.sum(array["x"], axis=-1)
