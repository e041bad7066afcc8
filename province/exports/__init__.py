"""The model in the forms that other people's programs read: one module for each consumer, one that writes."""
