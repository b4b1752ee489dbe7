"""Tables made from frames with lists inside of structs: the lists stayed alive."""

import pandas as pd
import pyarrow as pa

SCHEMA = pa.schema([("a", pa.struct([("aa", pa.list_(pa.string()))]))])


def run() -> None:
    """Make a table."""
    frame = pd.DataFrame({"a": [{"aa": [f"text {number}" * 10 for number in range(50)]}]})
    pa.Table.from_pandas(frame, schema=SCHEMA)
