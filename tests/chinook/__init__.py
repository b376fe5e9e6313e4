"""A real data set, loaded unchanged, and questions about it with PostgreSQL's answers.

The data (the Chinook music shop, its script for PostgreSQL) is not part of the repository: the tests look for it beside
the work tree and skip where it is not. ``python -m tests.chinook.record`` records the answers again.
"""
