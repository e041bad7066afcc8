"""What an operator does to hosts beside applying the model: one verb a file, its docstring the runbook."""
