import sys
import types

import pytest

from keras_efficient import deprecation


@pytest.fixture
def module(monkeypatch):
    """Return a module with one new name, in place of a subpackage."""
    module = types.ModuleType("keras_efficient.sample")
    module.new_name = object()
    module.__getattr__ = deprecation.renamed(
        module.__name__,
        {"old_name": "new_name", "moved": "deprecation.REMOVED_IN"},
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_old_name_works_and_names_the_new_one(module):
    match = (
        "`keras_efficient.sample.old_name` is deprecated and will be removed "
        f"in {deprecation.REMOVED_IN}; use `keras_efficient.sample.new_name`"
    )
    with pytest.warns(DeprecationWarning, match=match) as caught:
        assert module.old_name is module.new_name
    # The warning names the file of the caller.
    assert caught[0].filename == __file__


def test_name_moved_to_another_module(module):
    with pytest.warns(DeprecationWarning, match="deprecation.REMOVED_IN"):
        assert module.moved == deprecation.REMOVED_IN


def test_unknown_name_is_an_attribute_error(module):
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = module.other
