"""Histories: how the times of cells, or of a suite, went over the versions of transformers."""
