"""All policies of a run compared: the results table, paired tests, claims and published rows."""
