"""The dashboard's pages and what they share.

Owns showing the runs. It must not open the store nor speak HTTP by itself: everything comes from `tools.client`.
"""
