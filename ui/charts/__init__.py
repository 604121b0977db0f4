"""Altair charts of data frames.

Owns how numbers are drawn. Nothing here asks the server or writes to a page; colours come from the theme's own schemes.
"""
