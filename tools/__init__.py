"""What reaches the runs from outside: over HTTP, through the one client in `client`.

Owns the client side of the REST contract. It must not open the store.
"""
