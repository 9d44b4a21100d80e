"""TASKS: each is one async function with one inbox, written once for all venues.

A task opens its own nursery, never returns while healthy, and receives its channels and ports as arguments.
"""
