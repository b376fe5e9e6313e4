"""What the binder produces and the code generator consumes: bound expressions and plan nodes, values without
behaviour.
"""
