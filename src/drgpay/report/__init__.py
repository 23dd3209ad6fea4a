"""Papers for people to read: of runs, checks and schemes; each module stands by itself."""
