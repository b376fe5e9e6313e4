"""Random queries, asked of HeliosDB and of a PostgreSQL server, whose answers must be the same.

A *world* is a few tables with random rows, many of them null or equal; a *query* is a tree of text (``tree``) that a
grammar (``expressions``, ``queries``) grows over the world's columns with their types known, so that nearly all of it
is valid. What differs is made smaller as long as it differs in the same way (``shrink``) and printed as a script for
``tests/differential``. Everything follows from a seed. ``python -m tests.fuzz --minutes N`` searches for longer.
"""
