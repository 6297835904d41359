"""What runs inside a measured environment: one fresh process, one cell.

It imports no other part of hfbench and no third-party package but the framework it measures,
so that a measured environment holds nothing that its user would not have. It reads one plan (a
JSON line) on stdin and writes JSON lines on the descriptor that the plan names; what anything
prints on stdout or stderr is never read as a result.
"""
