"""Branches: lines of history that start from another one and go their own way.

A branch is a timeline of the store (``heliosdb.spi.History``), and a session works on one of them. What the statements
mean is in ``commands``, how they are read in ``grammar``.
"""

from __future__ import annotations

__version__ = "0.1.0"
