"""Checks that measuring on this machine would be right."""
