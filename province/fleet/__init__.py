"""The model: what the province is, typed, frozen and validated. It touches no network and imports nothing of ours."""
