"""
Report novelties at a false discovery rate
==========================================

If you look at every row that a detector reports, few of these rows should be normal. `EnergyOutlierDetector` gives
p-values, and `scipy.stats.false_discovery_control` turns them into a report: you choose the false discovery rate, which
is the share of normal rows among the reported ones, on average. Here the rows are patches of a photograph, and the
novelties are patches with noise.
"""

# %%
# The photograph has 4,240 patches, which do not overlap. Each draw takes 3,000 of them: 1,000 train, 1,000 are held out
# for the p-values (``calibration=0.5``), and 1,000 are new. The first 100 of the new ones get noise with a standard
# deviation of 20 grey levels, of 255.
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import false_discovery_control
from sklearn.datasets import load_sample_image

from skae import EnergyOutlierDetector

grey = load_sample_image("flower.jpg").mean(axis=2)[:424]
patches = grey.reshape(53, 8, 80, 8).swapaxes(1, 2).reshape(-1, 64)
novel = np.arange(1000) < 100
rng = np.random.default_rng(0)


def draw():
    """Return the p-values of new rows by a detector that was fitted to other rows."""
    rows = rng.permutation(patches)[:3000]
    new = rows[2000:] + 20.0 * novel[:, None] * rng.standard_normal((1000, 64))
    return EnergyOutlierDetector(novelty=True, calibration=0.5).fit(rows[:2000]).p_values(new)


draws = [draw() for _ in range(20)]

# %%
# The first draw. A row is reported if its adjusted p-value is at most the rate that you ask for.
adjusted = false_discovery_control(draws[0])
for rate in (0.05, 0.1, 0.2):
    print(f"asked {rate}: {np.sum(adjusted <= rate)} rows reported, {np.sum(adjusted[~novel] <= rate)} of them normal")


# %%
# All draws: the realised rate, and the power, which is the share of the novelties that are reported.
def rate_and_power(values, thresholds):
    """Return both for the rows whose values are at most each of the thresholds."""
    reported = values[:, None] <= thresholds
    return reported[~novel].sum(axis=0) / np.maximum(reported.sum(axis=0), 1), reported[novel].mean(axis=0)


def mean_and_errors(values):
    """Return the mean over the draws and two standard errors."""
    return np.mean(values, axis=0), 2.0 * np.std(values, axis=0, ddof=1) / np.sqrt(len(values))


asked = np.array([0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3])
rates, powers = np.swapaxes([rate_and_power(false_discovery_control(p), asked) for p in draws], 0, 1)
(rate, rate_error), (power, power_error) = mean_and_errors(rates), mean_and_errors(powers)

# %%
# A fixed threshold on the same p-values, for comparison: the largest one whose mean realised rate is at most the rate
# asked for. Only someone who knows the novelties can find it.
thresholds = np.arange(201) / 1001  # no p-value is below the first
fixed_rates, fixed_powers = np.mean([rate_and_power(p, thresholds) for p in draws], axis=0)
fixed_power = [fixed_powers[np.flatnonzero(fixed_rates <= each)[-1]] for each in asked]
print(f"{'asked':<26}" + "".join(f"{each:7.2f}" for each in asked))
for name, values in (("realised", rate), ("power", power), ("power, fixed threshold", fixed_power)):
    print(f"{name:<26}" + "".join(f"{each:7.3f}" for each in values))

# %%
# Left, the realised rates. The bars are two standard errors, and each dot is one draw: the procedure bounds the mean,
# and a single draw can be far above it. Right, the power. Here the procedure, which does not know the novelties, finds
# about as many as the fixed threshold. How many that are depends on the novelties.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
left.plot(asked, rates.T, ".", color="gray", alpha=0.5, markersize=4)
left.errorbar(asked, rate, rate_error, fmt="o-", capsize=3, label="mean of 20 draws")
left.plot(asked, asked, "k:", label="asked")
left.set(xlabel="asked false discovery rate", ylabel="realised false discovery rate")
right.errorbar(asked, power, power_error, fmt="o-", capsize=3, label="asked rate, novelties unknown")
right.plot(asked, fixed_power, "s--", label="fixed threshold, novelties known")
right.set(xlabel="asked false discovery rate", ylabel="power", ylim=(0, 1))
left.legend()
right.legend(loc="lower right")
plt.show()
