"""The agent: questions about the runs, answered from what the tools returned and nothing else.

Owns reading a question, choosing tools, and checking what is said. It must not touch the database: it asks over HTTP,
through `tools`.
"""
