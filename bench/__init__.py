"""Load generator, rival central system, comparison and fault campaign; see docs/performance.md.

Run from the root of the repository: `python -m bench.load`, `bench.run`, `bench.commands`, `bench.faults`,
`bench.rival`, `bench.echo`.
Every program talks to loopback addresses only, is bounded in count and time, and ends by itself.
"""
