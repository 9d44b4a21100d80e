"""PORTS: the only modules that touch the world; each hides one library, whose types and exceptions stay inside.

Read `net.py` first: REST and WebSocket both stand on the byte streams it opens.
"""
