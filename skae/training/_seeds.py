"""Integer seeds."""

import numpy as np
from sklearn.utils import check_random_state


def seed_of(random_state):
    """Return an integer seed, given None, an int or a RandomState. None does not touch numpy's global state."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(check_random_state(random_state).randint(2**31 - 1))
    return int(random_state)
