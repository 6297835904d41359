"""The machine: what it is, which of it workers may use, and what else it does meanwhile."""
