"""The offline planner: answers questions about runs by rules, through the same tools as a language model.

Data walks one way: `language` finds words, names and dates in a question; `reading` makes of them what is asked;
`plans` asks the tools for it and says what came of it. `model` is all of it as a chat model.
"""
