"""What a machine or cluster lacks for a config: `python -m score.doctor`."""
