"""Isolated Python environments: resolved, built, cached, named."""
