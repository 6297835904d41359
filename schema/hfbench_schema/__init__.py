"""The language that all parts of hfbench speak.

Canonical form, cells, suites, submission documents, the machine key, the validator and the
layout of a store. Every other part imports this one; it imports none of them.
"""

from importlib.metadata import version

__version__ = version("hfbench")
