"""A scripted user of ``cut``: how good masks get with every round, and how soon."""
