"""Certificates with which people and organisations sign: who has one until when; the keys are theirs and elsewhere."""
