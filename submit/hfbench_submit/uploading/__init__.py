"""Uploading: a submission's way from the contributor's disk to a store, through any fault."""
