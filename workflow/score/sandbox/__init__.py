"""Programs written by a model, run apart from everything else."""
