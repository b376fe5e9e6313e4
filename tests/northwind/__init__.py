"""A second real data set, loaded unchanged by the command line, and questions about it with PostgreSQL's answers.

The data (the Northwind traders, a script that pg_dump wrote) is not part of the repository: the tests look for it
beside the work tree and skip where it is not. ``python -m tests.northwind.record`` records the answers again.
"""
