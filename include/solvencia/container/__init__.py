"""What the model image runs: `python -m solvencia.container train|serve|evaluate`."""
