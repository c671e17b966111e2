"""Reading sampled.parquet; score.sampling.sampled_rows says what a row holds."""

from pathlib import Path

import pandas as pd


def read_sampled(path) -> pd.DataFrame:
    """The rollouts of one policy. ValueError when the file is missing or no parquet file."""
    if not Path(path).is_file():
        raise ValueError(f"sampled file is {path}; expected an existing file. Sample first.")
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise ValueError(f"{path} can't be read as parquet: {error}. Sample again.") from None
