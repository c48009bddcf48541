"""People: their roles, their sites, their preferences."""
