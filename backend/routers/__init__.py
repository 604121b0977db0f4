"""The routes, by what they are about. Each turns a request into a call of the query layer and sends the answer."""
