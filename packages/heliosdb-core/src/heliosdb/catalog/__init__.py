"""The catalog: what relations, columns, constraints and the like are, and where their definitions are stored."""
