"""Budgets: what a plugin may cost. The notation, the measurement of time, the statistics and the verdicts."""
