"""The library and the command that every leg of the province's infrastructure shares."""
