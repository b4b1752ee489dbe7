"""Steps after the measured iterations: caller attribution, batched readings and explanation."""
