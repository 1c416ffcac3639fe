"""
Codes of text
=============

`TfidfVectorizer` makes sparse rows, and an autoencoder takes them as they are. Here the texts are descriptions of
functions and classes of four packages. A linear classifier tells from the code which package a description is of, and
the energy tells that a description is of a package that the autoencoder has not seen.
"""

# %%
# A description is what a docstring says before its first section. The names of the packages are cut out.
import importlib
import inspect
import re

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.random_projection import SparseRandomProjection

from skae import DenoisingAutoencoder
from skae.plotting import ScoreHistogramDisplay

modules = {
    "Python": "argparse ast asyncio collections csv datetime decimal email.message fractions http.client inspect json "
    "logging os pathlib random re shutil socket statistics string subprocess tarfile threading typing unittest zipfile",
    "numpy": "numpy numpy.fft numpy.linalg numpy.ma numpy.polynomial numpy.random",
    "scipy": "scipy.fft scipy.interpolate scipy.linalg scipy.ndimage scipy.optimize scipy.signal scipy.spatial "
    "scipy.special scipy.stats",
    "scikit-learn": "sklearn.cluster sklearn.covariance sklearn.decomposition sklearn.ensemble sklearn.linear_model "
    "sklearn.manifold sklearn.metrics sklearn.mixture sklearn.model_selection sklearn.neighbors sklearn.preprocessing "
    "sklearn.svm",
}


def descriptions(module):
    """Yield the descriptions of what a module defines, and of the methods of its classes."""
    module = importlib.import_module(module)
    for name in getattr(module, "__all__", dir(module)):
        item = vars(module).get(name)
        for each in (item, *(vars(item).values() if inspect.isclass(item) else ())):
            text = each.__doc__ if callable(each) else None
            if text and len(text.split()) >= 10:
                yield re.split(r"\n[^\n]+\n *---", inspect.cleandoc(text))[0]


packages = {}  # of each text, so that texts which are there twice count once
for package, names in modules.items():
    for name in names.split():
        for text in descriptions(name):
            packages.setdefault(re.sub("numpy|scipy|scikit|sklearn|python", " ", text, flags=re.IGNORECASE), package)
texts, y = np.array(list(packages), dtype=object), np.array(list(packages.values()))
texts_train, texts_test, y_train, y_test = train_test_split(texts, y, test_size=0.5, stratify=y, random_state=0)

# %%
# The rows are CSR, and about 1 % of their values are not zero. A row of tf-idf has length 1, so that all 2000 features
# together have a variance below 1. The rows are multiplied by 10: the learning rate and the strengths of the penalties
# are made for larger features.
vectorizer = TfidfVectorizer(max_features=2000, sublinear_tf=True, dtype=np.float32)
X_train, X_test = 10 * vectorizer.fit_transform(texts_train), 10 * vectorizer.transform(texts_test)
print(f"{X_train.shape[0]} rows, {X_train.nnz / np.prod(X_train.shape):.1%} nonzeros")

# %%
# Masking noise leaves half of the words out, and keeps the rows sparse. The autoencoder learns to fill them in from the
# other words. Each code goes to a logistic regression whose strength is chosen by cross-validation.
autoencoder = DenoisingAutoencoder(64, noise="masking", noise_level=0.5, max_iter=60, tol=0, random_state=0)
codes = {
    "random projection": SparseRandomProjection(64, dense_output=True, random_state=0),
    "TruncatedSVD": TruncatedSVD(64, random_state=0),
    "DenoisingAutoencoder": autoencoder,
}
accuracies = {}
for name, code in codes.items():
    H_train, H_test = code.fit_transform(X_train), code.transform(X_test)
    scale = np.sqrt(np.mean(H_train**2))
    regression = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [0.1, 1.0, 10.0, 100.0]}, cv=3)
    accuracies[name] = regression.fit(H_train / scale, y_train).score(H_test / scale, y_test)
    print(f"{name:21} {accuracies[name]:.3f}")

# %%
# Some units, by the five words with the largest weights:
words = vectorizer.get_feature_names_out()
for weights in autoencoder.components_[:6]:
    print(", ".join(words[np.argsort(-weights)[:5]]))

# %%
# Now the autoencoder is fitted to the descriptions of three packages. Those of Python itself are new to it, and have
# lower energies. `TruncatedSVD` has no energy, but the squared length of its code is comparable: all rows are of one
# length, so that it says how much of the row lies outside the components.
known = y_train != "Python"
scores = autoencoder.fit(X_train[known]).score_samples(X_test)
lengths = np.sum(TruncatedSVD(64, random_state=0).fit(X_train[known]).transform(X_test) ** 2, axis=1)
new = np.where(y_test == "Python", "Python (new)", "the other three")
print(f"area under the ROC curve: energy {roc_auc_score(y_test == 'Python', -scores):.3f}, ", end="")
print(f"TruncatedSVD {roc_auc_score(y_test == 'Python', -lengths):.3f}")

# %%
# The standard error of these accuracies is 0.007, so that the autoencoder and `TruncatedSVD` are equally good here.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
bars = left.barh(list(accuracies), list(accuracies.values()))
left.bar_label(bars, fmt="%.3f")
left.set(xlabel="accuracy", xlim=(0, 1), title="which package?")
ScoreHistogramDisplay(scores, groups=new).plot(right)
right.set(title="energies")
plt.show()
