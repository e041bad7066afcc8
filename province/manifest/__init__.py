"""From the model and the templates to the wanted state of one host: pure but for reading templates and trust."""
