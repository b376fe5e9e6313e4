"""Conformance suites and pytest fixtures for authors of HeliosDB plugins.

A suite is a class of tests. A plugin's test file subclasses it, fills in the few attributes that name what is under
test, and pytest runs everything that the engine relies on: see docs/plugins.
"""

from __future__ import annotations

__version__ = "0.1.0"
