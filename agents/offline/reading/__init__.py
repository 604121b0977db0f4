"""What a question asks: the intent, the metric and its order, which runs, and what was not understood.

Owns understanding. It must not ask a tool.
"""
