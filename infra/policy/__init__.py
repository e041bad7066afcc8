"""Rules over declared objects, as plain functions: the same ones for tests and for the policy pack."""
