"""Crashes: a database loses power, or its process is killed, at any moment, and nothing that was answered is lost.

``workload`` makes random transactions and knows what they must leave behind, ``rounds`` runs one over a volume that
loses what was not synced, ``check`` compares a reopened database with what it may hold, ``past`` also what pins,
branches and older SCNs show, ``kept`` has indexes of a plugin, ``threads`` commits together, ``process`` kills real
processes on a real directory. ``sabotage`` shows that the rounds notice when a safeguard is missing. ``make crash``
runs many rounds; a failing one is named by its seed.
"""

from __future__ import annotations
