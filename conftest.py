"""Settings of every test run in the workspace: where randomness and the environment come from.

Hypothesis draws the same examples each time (profile ``suite``), so that a failure is a change's own and the run stays
short. ``HYPOTHESIS_PROFILE=search`` looks for new ones, with many more examples, and remembers what it found.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "suite", max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "search", max_examples=5_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

# What the developer's shell says about HeliosDB must not decide a test.
for _name in [name for name in os.environ if name.startswith("HELIOSDB_")]:
    del os.environ[_name]
