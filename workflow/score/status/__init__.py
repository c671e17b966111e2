"""Where each job of a run is, from its files alone: started at any time, beside the run or after it."""
