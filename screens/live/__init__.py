"""Pages that keep themselves up to date: a hub per process reads what changed and tells the browsers that watch it."""
