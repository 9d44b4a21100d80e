"""Another world with the same wire: a market, two exchanges and their accounts, importing nothing else from dnbot."""
