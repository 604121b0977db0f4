"""Whether an answer is true: what the tools returned, what a text claims, and the judgement of one by the other.

Owns the promise that no id, no number and no deed is told that the store does not bear out. It must not ask a tool.
"""
