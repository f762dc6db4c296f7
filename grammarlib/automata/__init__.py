"""Automata: what every source becomes before a vocabulary enters.

Rows (`rows`) are lazily determinised tables; components (`components`) are JSON contexts that are
expanded on demand; the machine (`configurations`) runs both over bytes.
"""
