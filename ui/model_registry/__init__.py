"""The parts of the Models page: what is in the model registry, as a table, a graph, a comparison and a ranking.

Owns the page's state in the address (`state`), what it asks (`answers`), and one module for each view.
"""
