"""The shapes of what goes into and comes out of the registry, as pydantic models. They hold no SQL and open no file."""
