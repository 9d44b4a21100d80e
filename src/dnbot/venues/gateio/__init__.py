"""Gate: spot and USDT perpetual, REST API v4 and its WebSockets. Sans-I/O: bytes in, words out."""
