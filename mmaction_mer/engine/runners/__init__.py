"""LOSO runner, fold runner, plan of a run, seeding, results."""
