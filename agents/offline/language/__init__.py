"""The words of a question: tokens, spelling, dates, ids, and the store's own names among them.

Owns English and spelling. It must not decide what is asked.
"""
