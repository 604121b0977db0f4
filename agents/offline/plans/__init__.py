"""How each kind of question is answered: which tools are asked, and what is said of what they return.

Owns one generator for each kind; it yields the calls it needs, is sent their results, and returns the answer.
"""
