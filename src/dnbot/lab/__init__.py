"""LAB: where bot and fakes meet, and where the bot's word is checked against the venues'."""
