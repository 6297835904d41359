"""Comparisons of two versions as people ask for them: on every machine, and across contributors."""
