"""The built-in types: one family per file, each listing its types, casts, operators and functions.

``definitions`` says what those values are. Every family module has the module-level tuples ``TYPES``, ``CASTS``,
``OPERATORS``, ``OPERATOR_CLASSES``, ``FUNCTIONS``, ``AGGREGATES``, ``WINDOW_FUNCTIONS`` and ``TABLE_FUNCTIONS`` it
needs, and the core registers them through the same hooks that a plugin uses.
"""
