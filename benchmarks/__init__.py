"""What the project promises about speed and size, measured: `python -m benchmarks`, or `make bench`.

Each promise is measured in the same run as the floor it is held against, turn by turn, so that both meet the same
machine in the same mood. `RESULTS.md` is written as it came out, misses included. Tests hold no clocks; this does.
"""
