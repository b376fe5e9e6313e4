"""SQLAlchemy on HeliosDB inside the process: ``create_engine("heliosdb:///app.db")``."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
