"""Takes a whole store from one database to another: `python -m backend.copy_store SOURCE TARGET`.

places     what a database must offer to be copied from and to; choosing one by a path or an address
sqlite, postgresql    the two of them
contents   which tables are copied, which are derived anew
values     what a database can hold, what is put in place of the rest, and checksums
copying    the order of the steps, going on after an interruption, and the verification
__main__   arguments, progress bars, what is printed
"""
