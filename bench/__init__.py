"""Load generators, other people's central systems and everything that is measured; see docs/performance.md.

Run from the root of the repository: `python -m bench.all` for everything, or one program of those it names. What they
are made of is also what the fault campaign in tests/faults stands on.
Every program talks to loopback addresses only, is bounded in count and time, and ends by itself.
"""
