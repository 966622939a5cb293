"""Random histories: drawn from a seed, played through the service, and held against what must hold."""
