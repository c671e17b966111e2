"""What a run costs before it is started: launcher, memory, tokens, hours."""
