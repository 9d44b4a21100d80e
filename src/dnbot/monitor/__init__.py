"""Monitors: figures of one moment in, alerts raised and resolved out. Pure, but for the memory of what came before."""
