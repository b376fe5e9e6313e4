"""SQL text to plans: lexer, grammar, syntax tree, binder, optimizer."""
