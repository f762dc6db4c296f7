"""The only numba code: arrays in, arrays out, no Python objects, nothing of ours imported."""
