"""
Energies of two classes
=======================

One autoencoder is trained on ones, another one on eights; the energies that the two assign to test digits tell the
classes apart, with each of four activations. Energies of different models are comparable up to a constant only:
`ClassSpecificAEClassifier` finds it. This is figure 3 of Kamyshanska and Memisevic (2015), whose digits are 6 and 9; on
scikit-learn's small digits those are told apart without error, so that there would be nothing to compare.
"""

# %%
# Half of the ones and eights train; ``method="normalize"`` fits nothing but the constants.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import ClassSpecificAEClassifier, ContractiveAutoencoder, DenoisingAutoencoder
from skae.plotting import ScoreHistogramDisplay

X, y = load_digits(return_X_y=True)
chosen = np.isin(y, (1, 8))
X_train, X_test, y_train, y_test = train_test_split(X[chosen] / 16, y[chosen], test_size=0.5, random_state=0)
autoencoders = {
    "linear": ContractiveAutoencoder(30, activation="identity"),
    "sigmoid": ContractiveAutoencoder(30),
    "relu": DenoisingAutoencoder(30, activation="relu"),
    "modulus": DenoisingAutoencoder(30, activation="modulus"),
}

# %%
# Above, the difference of the calibrated energies, whose sign is the prediction; below, for comparison, the difference
# of the squared reconstruction errors, which needs no constants. One of the 178 test digits is 0.6 %. The energy of
# linear units is a quadratic function, and the least accurate; for the others energy and error are equal within two
# digits. For this decision alone the error would do; what the energies give besides is probabilities, and a score for
# "none of these".
figure, axes = plt.subplots(2, len(autoencoders), figsize=(13, 6), layout="constrained")
for (name, autoencoder), (above, below) in zip(autoencoders.items(), axes.T, strict=True):
    classifier = ClassSpecificAEClassifier(autoencoder, method="normalize", temperature=1.0, random_state=0)
    classifier.fit(X_train, y_train)
    energies = (classifier.transform(X_test) + classifier.class_log_constants_) @ [1.0, -1.0]
    errors = np.subtract(*(each.reconstruction_error(X_test) for each in classifier.estimators_[::-1]))
    for panel, values in ((above, energies), (below, errors)):
        ScoreHistogramDisplay(values, groups=y_test, offset=0.0).plot(panel)
        right = np.mean((values > 0) == (y_test == 1))
        panel.set(title=f"{name}: {right:.1%} right", xlabel="", ylabel="")
        panel.get_legend().remove()
axes[0, 0].set_ylabel("energy of the ones' model\nless that of the eights'")
axes[1, 0].set_ylabel("squared error of the eights' model\nless that of the ones'")
axes[1, 1].legend(title="test digits", loc="upper left")
plt.show()
