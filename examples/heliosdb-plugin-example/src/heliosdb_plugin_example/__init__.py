"""Semantic versions and trigram search for HeliosDB: an example of a plugin."""

from __future__ import annotations

__version__ = "0.1.0"
