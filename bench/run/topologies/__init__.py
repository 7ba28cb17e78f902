"""What lies between the two pods of a measurement; one module a kind."""
