"""The report, the explanation and the progress bar on the terminal."""
