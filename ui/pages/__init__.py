"""The pages, a file each. A page reads its state from the address, asks the server, and shows what came."""
