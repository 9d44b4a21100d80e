"""Figures: histograms, stage times, counts, and the text and page that tell them. Nothing here decides anything."""
