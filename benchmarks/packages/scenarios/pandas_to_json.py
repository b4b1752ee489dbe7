"""A data frame written as JSON."""

import numpy as np
import pandas as pd


def run() -> None:
    """Write a frame of ten columns."""
    pd.DataFrame({str(column): np.arange(100) * 0.5 for column in range(10)}).to_json()
