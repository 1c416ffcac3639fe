"""How good codes of text are for a linear classifier, beside `TruncatedSVD`.

    OPENBLAS_NUM_THREADS=1 python benchmarks/text_codes.py [--seeds 3] [--only WORD ...] [--texts FOLDER]

The texts are 23,700 snippets of tweets, film reviews, product reviews and newspaper editorials, with the mean of 20
ratings of their sentiment. They are in the source distribution of vaderSentiment (MIT licence), which pip downloads
into a temporary folder. `--texts` names a folder that has the files already. Source: C.J. Hutto, E. Gilbert, "VADER: A
parsimonious rule-based model for sentiment analysis of social media text", ICWSM 2014.

There are two tasks: which of the four sources a snippet comes from, and whether its rating is above 0. Half of the
snippets train. Those of one product review or one editorial are all in the same half.

All codes have 128 columns. They are divided by their root mean square, and go to a logistic regression whose strength
is chosen by cross-validation. `TfidfVectorizer(sublinear_tf=True, min_df=2)` makes the rows. Their length is 1, so the
variances of all features together are below 1, and "10 x" says that the rows are multiplied by 10.
"""

import argparse
import pathlib
import platform
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings

import numpy as np
import sklearn
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupShuffleSplit
from sklearn.random_projection import SparseRandomProjection

import skae
from skae import ContractiveAutoencoder, DenoisingAutoencoder, SaturatingAutoencoder, ZeroBiasAutoencoder

SOURCES = "tweets", "movieReviewSnippets", "amazonReviewSnippets", "nytEditorialSnippets"
K = 128


def download(folder):
    """Download the snippets into a folder; return the folder with their files."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", folder]
    subprocess.run([*pip, "vaderSentiment==3.3.2"], check=True)
    options = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    for pattern in ("vaderSentiment-*.tar.gz", "vaderSentiment-*/additional_resources/hutto_ICWSM_2014.tar.gz"):
        (path,) = folder.glob(pattern)
        with tarfile.open(path) as archive:
            archive.extractall(folder, **options)
    return folder / "hutto_ICWSM_2014"


def read_snippets(folder):
    """Return the snippets, the number of their source, their mean rating, and the text that they come from."""
    texts, sources, ratings, origins = [], [], [], []
    for number, source in enumerate(SOURCES):
        lines = (folder / f"{source}_GroundTruth.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        for identifier, rating, text in (line.split("\t", 2) for line in lines if line.count("\t") >= 2):
            texts.append(text)
            sources.append(number)
            ratings.append(float(rating))
            origins.append(f"{source} {identifier.split('_')[0]}")
    return np.array(texts, dtype=object), np.array(sources), np.array(ratings), np.array(origins)


def transformers():
    """Return (name, factor of the rows, transformer) for each row of the table."""
    contractive = ContractiveAutoencoder(K, max_iter=40)
    denoising = DenoisingAutoencoder(K, noise="masking", noise_level=0.5, max_iter=40)
    masking = "`DenoisingAutoencoder(noise='masking', noise_level=0.5"
    return [
        ("the rows of tf-idf", 1.0, None),
        ("`SparseRandomProjection`", 1.0, SparseRandomProjection(K, dense_output=True)),
        ("`TruncatedSVD`", 1.0, TruncatedSVD(K)),
        ("`ContractiveAutoencoder()`", 1.0, contractive),
        ("`ContractiveAutoencoder()`", 10.0, contractive),
        ("`ContractiveAutoencoder(alpha=0.01)`", 10.0, clone(contractive).set_params(alpha=0.01)),
        ("`ZeroBiasAutoencoder()`", 1.0, ZeroBiasAutoencoder(K, max_iter=40)),
        ("`SaturatingAutoencoder(activation='relu')`", 10.0, SaturatingAutoencoder(K, activation="relu", max_iter=40)),
        (f"{masking})`", 1.0, denoising),
        (f"{masking})`", 10.0, denoising),
        (f"{masking}, activation='relu')`", 10.0, clone(denoising).set_params(activation="relu")),
        (f"{masking}, activation='identity')`", 10.0, clone(denoising).set_params(activation="identity")),
    ]


def accuracy(code, code_test, y, y_test):
    """Return the test accuracy of a logistic regression."""
    scale = np.sqrt(np.mean(code**2)) if isinstance(code, np.ndarray) else 1.0
    regression = GridSearchCV(LogisticRegression(max_iter=300), {"C": [0.01, 0.1, 1.0, 10.0, 100.0]}, cv=3)
    return regression.fit(code / scale, y).score(code_test / scale, y_test)


def evaluate(transformer, factor, rows, tasks, seed):
    """Return the accuracy of each task, and the CPU seconds of the fit."""
    X, X_test = (factor * part for part in rows)
    if transformer is None:
        return [accuracy(X, X_test, *labels) for labels in tasks], 0.0
    start = time.process_time()
    transformer = clone(transformer).set_params(random_state=seed).fit(X)
    seconds = time.process_time() - start
    return [accuracy(transformer.transform(X), transformer.transform(X_test), *labels) for labels in tasks], seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="splits and starts (default: 3)")
    parser.add_argument("--texts", type=pathlib.Path, help="a folder with the four files of snippets")
    parser.add_argument("--only", nargs="+", default=[""], help="the codes whose names contain one of these")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of short fits
    with tempfile.TemporaryDirectory() as folder:
        texts, sources, ratings, origins = read_snippets(options.texts or download(pathlib.Path(folder)))
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, ", end="")
    print(f"{platform.machine()}, {time.strftime('%Y-%m-%d')}; {len(texts)} snippets", flush=True)
    found = {}
    for seed in range(options.seeds):
        split = GroupShuffleSplit(1, test_size=0.5, random_state=seed)
        train, test = next(split.split(texts, groups=origins))
        vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2, dtype=np.float32)
        rows = vectorizer.fit_transform(texts[train]), vectorizer.transform(texts[test])
        print(f"seed {seed}: {rows[0].shape[0]} rows, {rows[0].shape[1]} columns, ", end="")
        print(f"{100 * rows[0].nnz / np.prod(rows[0].shape):.2f} % of nonzeros", flush=True)
        tasks = [(labels[train], labels[test]) for labels in (sources, ratings > 0.0)]
        chosen = (each for each in transformers() if any(word in each[0] for word in options.only))
        for name, factor, transformer in chosen:
            scores, seconds = evaluate(transformer, factor, rows, tasks, seed)
            found.setdefault((name, factor), []).append([*scores, seconds])
            print(name, factor, *found[name, factor][-1], file=sys.stderr, flush=True)
    print("\n| code | rows | source | positive | fit, CPU s |\n|---|---|---|---|---|")
    for (name, factor), each in found.items():
        cells = (
            f"{mean:.3f} ± {spread:.3f}" for mean, spread in zip(np.mean(each, 0)[:2], np.std(each, 0), strict=False)
        )
        print(f"| {name} | {factor:g} x | {' | '.join(cells)} | {np.mean(each, axis=0)[2]:.1f} |")


if __name__ == "__main__":
    main()
