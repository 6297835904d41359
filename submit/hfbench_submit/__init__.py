"""The contributor's client: plan a sitting, measure it in isolated workers, write a submission.

Light on purpose: it imports neither a framework nor numpy; those live in the measured environments.
"""
