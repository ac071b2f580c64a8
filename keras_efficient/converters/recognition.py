"""Which library a file comes from, by the names in it."""

import re

from keras_efficient.converters import detector_schemes
from keras_efficient.converters import schemes

# A detector's scheme knows the names of its backbone as well: what two know
# equally well is the earlier one's.
SCHEMES = (*schemes.SCHEMES, *detector_schemes.SCHEMES)


def recognize(names):
    """Tells the scheme of a file by the names in it.

    Args:
        names: Names of the file, a sequence of strings.

    Returns:
        The `Scheme` that most names follow, or `None` if fewer than half of
        them follow any.
    """

    def count(scheme):
        rewritten = filter(None, map(scheme.rewrite, names))
        return sum(re.match(scheme.pattern, n) is not None for n in rewritten)

    scheme = max(SCHEMES, key=count)
    weights = [name for name in names if not name.endswith(schemes.COUNTERS)]
    return scheme if 2 * count(scheme) >= len(weights) > 0 else None
