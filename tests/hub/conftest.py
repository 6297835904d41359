"""The tests of the test Hub use its own fixtures."""

from tests.hub.fixtures import hub, hub_environment

__all__ = ["hub", "hub_environment"]
