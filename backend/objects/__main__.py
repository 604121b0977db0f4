"""Lets `python -m backend.objects` look after the artifact store."""

from backend.objects.commands import main

if __name__ == "__main__":
    main()
