"""Masks: which tokens may come next.

`bitmask` is the packed format, `index` everything about a vocabulary that masks need and that no
source changes, `fill` turns a state of the machine into a bitmask.
"""
